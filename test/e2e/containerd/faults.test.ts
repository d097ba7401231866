import assert from 'node:assert/strict'
import { e2e } from './e2e.ts'
import type { E2eNode } from './e2e-node.ts'

interface Fault {
  readonly name: string
  readonly happen: (holder: E2eNode, other: E2eNode) => void | Promise<void>
  readonly end: (holder: E2eNode) => void | Promise<void>
}

const FAULTS: readonly Fault[] = [
  {
    name: 'frozen',
    happen: ({ spegel }) => spegel.program.signal('SIGSTOP'),
    end: ({ spegel }) => spegel.program.signal('SIGCONT'),
  },
  {
    name: 'dead',
    happen: ({ spegel }) => spegel.program[Symbol.asyncDispose](),
    end: ({ spegel }) => spegel.restart(),
  },
  { name: 'blackholed', happen: ({ host }) => host.blackhole(), end: ({ host }) => host.heal() },
  {
    name: 'cut off from the other',
    happen: ({ host }, other) => host.dropBetween([other.host.address]),
    end: ({ host }) => host.heal(),
  },
]

for (const { name, happen, end } of FAULTS) {
  e2e(`a pull goes upstream while the only holder is ${name}, and to it afterwards`, { nodes: 2 }, async cluster => {
    const { upstream, nodes } = cluster
    const [a, b] = nodes
    const image = await upstream.push()
    await a.pull(image.name)
    await b.finds(image)
    upstream.forget()
    await happen(a, b)
    await b.pull(image.name)
    await b.assertHolds(image)
    for (const layer of image.layers) assert.equal(upstream.requestsOf(layer).length, 1)

    await end(a)
    await b.remove(image.name)
    await b.finds(image)
    await upstream.stop()
    await b.pull(image.name)
    await b.assertHolds(image)
  })
}
