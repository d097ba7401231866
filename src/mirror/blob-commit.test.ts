import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { ContainerdContent } from '../../test/contracts/containerd-content.ts'
import { content, digest, setUp, target } from '../../test/mirror/blob-rig.ts'
import { rawExchange } from '../../test/mirror/raw-exchange.ts'
import { head, type Script, serving } from '../../test/mirror/scripted-peer.ts'
import { temporaryDirectory } from '../../test/temporary-directory.ts'
import { until } from '../../test/until.ts'
import { ContainerdInProgress } from '../store/containerd/containerd-in-progress.ts'

const CORRUPT = 'spegel_peer_failures_total{reason="corrupt"}'
const corrupt = Buffer.from(content)
corrupt.fill(0, 1000, 1001)

/** A node beside a containerd that is pulling the blob. */
async function pulling(scripts: readonly Script[]) {
  const stack = new AsyncDisposableStack()
  const directory = stack.use(await temporaryDirectory())
  const contentDirectory = await ContainerdContent.create(directory.path)
  const inProgress = new ContainerdInProgress(
    { contentDirectory: directory.path, namespace: 'k8s.io' },
    { stallTimeoutMs: 60_000 },
  )
  const env = stack.use(await setUp(scripts, { inProgress }))
  return {
    ...env,
    pull: await contentDirectory.begin(digest, content.length),
    fetch: (headers: Readonly<Record<string, string>> = {}) => rawExchange(env.node.address, { target, headers }),
    warnings: () => env.node.log.lines.filter(({ message }) => message.startsWith('peers gave corrupt content')),
    [Symbol.asyncDispose]: () => stack.disposeAsync(),
  }
}

/** Serves as a good peer would, but breaks off in the middle. */
function breakingOff(bytes: Buffer): Script {
  return (_, socket) => {
    socket.write(head(200, { 'content-length': bytes.length }))
    socket.end(bytes.subarray(0, bytes.length / 2))
  }
}

describe('a blob that containerd is pulling through the mirror', () => {
  test('goes direct once it was complete and dropped, and its peer is asked for nothing', async () => {
    await using at = await pulling([serving(corrupt, { 'docker-content-digest': digest })])
    const { body } = await at.fetch()
    await at.pull.append(body)
    await at.pull.abort()
    await until(async () => (await at.node.metric(CORRUPT)) === 1)
    const asked = at.peers[0]?.requests.length
    for (const headers of [{}, { range: 'bytes=5-' }]) {
      const direct = await at.fetch(headers)
      assert.equal(direct.status, 404)
      assert.match(direct.body.toString(), /"reason":"corrupt"/)
    }
    const other = await rawExchange(at.node.address, { target: target.replace(/[0-9a-f]{64}/, '0'.repeat(64)) })
    assert.equal(other.status, 404)
    assert.equal(at.peers[0]?.requests.length, asked)
    assert.equal(at.warnings().length, 1)
    assert.equal(await at.node.metric('spegel_mirror_miss_total{reason="corrupt"}'), 2)
  })

  test('stays with its peers once it is committed', async () => {
    await using at = await pulling([serving(content)])
    const { body } = await at.fetch()
    await at.pull.append(body)
    await at.pull.commit()
    assert.equal((await at.fetch()).status, 200)
    assert.equal(await at.node.metric(CORRUPT), 0)
  })

  test('is held against all peers that gave a part of it, in one request or in several', async () => {
    await using at = await pulling([breakingOff(corrupt), serving(content)])
    const { body } = await at.fetch()
    await at.pull.append(body)
    assert.equal(body.length, content.length)
    await at.pull.abort()
    await until(async () => (await at.node.metric(CORRUPT)) === 2)
    assert.equal(at.warnings().length, 1)

    await using two = await pulling([serving(content)])
    const first = await two.fetch({ range: 'bytes=0-99999' })
    await two.pull.append(first.body)
    const rest = await two.fetch({ range: 'bytes=100000-' })
    await two.pull.append(rest.body)
    await two.pull.abort()
    await until(async () => (await two.node.metric(CORRUPT)) === 1)
    assert.equal(two.warnings().length, 1)
  })
})
