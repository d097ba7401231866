import assert from 'node:assert/strict'
import { open } from 'node:fs/promises'
import { until } from '../until.ts'
import { e2e } from './containerd/e2e.ts'

const KILOBYTE = 1000
const FAILURES = 'spegel_peer_failures_total'

e2e('a peer with a wrong byte on its disk costs one failed pull', { nodes: 2 }, async ({ upstream, nodes: [a, b] }) => {
  const image = await upstream.push({ layers: [5 * KILOBYTE, 3000 * KILOBYTE, 700 * KILOBYTE] })
  const layer = image.layers[1] ?? image.digest
  await a.pull(image.name)
  await b.finds(image)
  await corrupt(a.containerd.blobPath(layer))
  upstream.forget()

  await assert.rejects(b.pull(image.name), /unexpected commit digest/)
  assert.equal(upstream.requestsOf(layer).length, 0, 'it did not come from the peer')
  await until(async () => (await b.spegel.metric(FAILURES, 'reason="corrupt"')) === 1)
  await until(async () => (await b.containerd.downloads()).size === 0)

  await b.pull(image.name)
  await b.assertHolds(image)
  assert.equal(upstream.requestsOf(layer).length, 1)
  const said = b.spegel.log.filter(({ msg }) => String(msg).startsWith('peers gave corrupt content'))
  assert.deepEqual(
    said.map(({ digest }) => digest),
    [layer],
  )
})

/** Changes one byte in place. */
async function corrupt(file: string): Promise<void> {
  await using handle = await open(file, 'r+')
  const byte = Buffer.alloc(1)
  await handle.read(byte, 0, 1, KILOBYTE)
  byte.writeUInt8(byte.readUInt8() ^ 1)
  await handle.write(byte, 0, 1, KILOBYTE)
}
