import assert from 'node:assert/strict'
import path from 'node:path'
import { test } from 'node:test'
import { metricOf } from '../integration/node-state.ts'
import { RegistryProcess } from '../integration/registry-process.ts'
import { writeSharedImage } from '../integration/shared-image.ts'
import { type TestHost, TestNetwork, unlessNamespaces } from '../interop/network.ts'
import { temporaryDirectory } from '../temporary-directory.ts'
import { until } from '../until.ts'
import { requestsWithin } from './requests-within.ts'

const PORTS = { registry: 5000, router: 5001, metrics: 9090, bootstrap: 5002 }
const NODES = 6
/** Longer than it takes to give up a member that does not answer, and than several quarantines. */
const ASKING = { requests: 80, pauseMs: 100 }

interface Node {
  readonly host: TestHost
  readonly url: string
}

async function metric({ host }: Node, name: string): Promise<number> {
  const [answer] = await requestsWithin(host, [`http://${host.address}:${PORTS.metrics}/metrics`])
  return metricOf(answer?.body ?? '', name)
}

async function status(node: Node, target: string): Promise<number | undefined> {
  const [answer] = await requestsWithin(node.host, [node.url + target], { method: 'HEAD' })
  return answer?.status
}

test('a provider whose packets are dropped costs each asker one failed attempt at most', {
  skip: unlessNamespaces(),
  timeout: 120_000,
}, async t => {
  await using stack = new AsyncDisposableStack()
  const network = stack.use(await TestNetwork.create(NODES))
  const directory = stack.use(await temporaryDirectory()).path
  const layout = (host: TestHost): string => path.join(directory, host.address)
  const addresses = network.hosts.map(({ address }) => address)
  const image = await writeSharedImage(network.hosts.slice(0, 1).map(layout), 1000)
  const nodes = network.hosts.map((host): Node => {
    const peers = addresses.filter(address => address !== host.address)
    const { address } = host
    const within = (command: readonly string[]) => host.within(command)
    const process = RegistryProcess.start({ host: address, ports: PORTS, layout: layout(host), peers, within })
    return { host, url: stack.use(process).url }
  })
  const [holder, ...askers] = nodes
  assert.ok(holder)
  const { reference, layer } = image
  const target = `/v2/${reference.repository}/blobs/${layer.digest}?ns=${reference.registry}`
  for (const asker of askers) await until(async () => (await metric(asker, 'spegel_peers')) === NODES - 1)
  for (const asker of askers) await until(async () => (await status(asker, target)) === 200)
  const before = await Promise.all(askers.map(asker => metric(asker, 'spegel_peer_failures_total')))

  await holder.host.blackhole()
  const answers = await Promise.all(
    askers.map(({ host, url }) => {
      const urls = Array<string>(ASKING.requests).fill(url + target)
      return requestsWithin(host, urls, { method: 'HEAD', pauseMs: ASKING.pauseMs })
    }),
  )
  for (const each of answers) assert.deepEqual(new Set(each.map(answer => answer.status)), new Set([404]))
  const after = await Promise.all(askers.map(asker => metric(asker, 'spegel_peer_failures_total')))
  const attempts = after.map((count, index) => count - (before[index] ?? 0))
  const longest = answers.map(each => Math.max(...each.map(({ ms }) => ms)).toFixed(0))
  t.diagnostic(`failed attempts ${attempts.join(', ')}; longest waits ${longest.join(', ')} ms`)
  for (const count of attempts) assert.ok(count <= 1, `${count} attempts`)
  for (const asker of askers) await until(async () => (await metric(asker, 'spegel_peers')) === NODES - 2)
})
