import assert from 'node:assert/strict'
import path from 'node:path'
import process from 'node:process'
import { describe, test } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import { freePorts } from '../free-ports.ts'
import { temporaryDirectory } from '../temporary-directory.ts'
import { until } from '../until.ts'
import { bootstrapMessages, listening, metric, readiness, timesLogged } from './node-state.ts'
import { RegistryProcess } from './registry-process.ts'

const [FIRST, SECOND, NODE] = ['127.0.0.1', '127.0.0.2', '127.0.0.3']
/** After so many, bootstrap waits as long as it ever does: an absence of any length is the same from then on. */
const FAILED_ROUNDS = 5
/** What the wait for those rounds leaves out of a minute. */
const FURTHER_ABSENCE_MS = process.env['SPEGEL_LONG_TESTS'] === '1' ? 60_000 : 0
const LOST = 'no bootstrap peer can be reached'
const FOUND = 'bootstrap reached the mesh'

/** Bootstrap rounds that failed so far, of a node with two bootstrap peers and `--log-level DEBUG`. */
function failedRounds(node: RegistryProcess): number {
  return timesLogged(node, 'bootstrap peer cannot be reached') / 2
}

async function isAlone(node: RegistryProcess): Promise<void> {
  await until(async () => (await metric(node, 'spegel_peers')) === 0)
  assert.equal(await readiness(node), 503)
}

describe('a node whose bootstrap peers were killed', { timeout: 180_000 }, () => {
  test('is not ready, and ready again without a restart after the first round that finds them back', async t => {
    await using stack = new AsyncDisposableStack()
    const directory = stack.use(await temporaryDirectory()).path
    const ports = await freePorts()
    const start = (host: string, peers: readonly string[], flags: readonly string[] = []) =>
      stack.use(RegistryProcess.start({ host, ports, layout: path.join(directory, host), peers, flags }))
    // They know nothing of the node: it is for the node to find them.
    const startPeers = () => [start(FIRST, []), start(SECOND, [FIRST])]

    const node = start(NODE, [FIRST, SECOND], ['--log-level=DEBUG'])
    await listening(node)
    await until(() => failedRounds(node) >= 1)
    await isAlone(node)

    const peers = startPeers()
    await node.ready()
    await until(async () => (await metric(node, 'spegel_peers')) === 2)
    await until(() => bootstrapMessages(node).at(-1) === FOUND)
    for (const peer of peers) peer.kill('SIGKILL')
    await Promise.all(peers.map(peer => peer.exit()))
    await isAlone(node)

    const failedBefore = failedRounds(node)
    await until(() => failedRounds(node) >= failedBefore + FAILED_ROUNDS)
    await delay(FURTHER_ABSENCE_MS)
    await isAlone(node)
    const back = startPeers()
    await until(() => back.some(peer => timesLogged(peer, 'router listens') > 0))
    const [backAt, failedWhenBack] = [performance.now(), failedRounds(node)]
    await node.ready()
    t.diagnostic(`ready again ${((performance.now() - backAt) / 1000).toFixed(1)} s after the first of its peers`)
    // One that was under way when they came back.
    assert.ok(failedRounds(node) <= failedWhenBack + 1)
    await until(async () => (await metric(node, 'spegel_peers')) === 2)
    assert.equal(await readiness(node), 200)
    // Where they were found by way of a member that was lost, bootstrap notices at its next turn.
    await until(() => bootstrapMessages(node).at(-1) === FOUND)
    assert.deepEqual(bootstrapMessages(node), [LOST, FOUND, LOST, FOUND])
  })
})
