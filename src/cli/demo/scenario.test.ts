import assert from 'node:assert/strict'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { createServer } from 'node:http'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { after, test } from 'node:test'
import { formatDistributionPath } from '../../oci/distribution-path.ts'
import { makeImage } from './make-image.ts'
import { type DemoNode, type DemoView, runScenario } from './scenario.ts'
import { readSourceImage } from './source-image.ts'
import { startUpstream } from './upstream.ts'

const { signal } = new AbortController()
const directory = await mkdtemp(path.join(tmpdir(), 'spegel-demo-test-'))
after(() => rm(directory, { recursive: true, force: true }))
await makeImage(directory, [10])
const image = await readSourceImage(directory, { os: 'linux', architecture: 'amd64' })

/** A node that finds content, and has announced it, at the second time of asking. */
async function startNode() {
  const asked = new Map<string, number>()
  const server = createServer(({ method, url = '' }, response) => {
    const times = (asked.get(url) ?? 0) + 1
    asked.set(url, times)
    if (method === 'HEAD') response.writeHead(times < 2 ? 404 : 200).end()
    else response.end(times < 2 ? '' : 'spegel_advertised_content_digests{registry="registry.example"} 2\n')
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  assert.ok(address !== null && typeof address === 'object')
  const name = `127.0.0.1:${address.port}`
  const node: DemoNode = { name, metricsUrl: `http://${name}/metrics`, layout: directory }
  return { node, asked, [Symbol.asyncDispose]: async () => void server.close() }
}

class Journal implements DemoView {
  readonly lines: string[] = []

  looking(node: string): void {
    this.lines.push(`${node} looks`)
  }

  pulling({ node, bytes, from }: Parameters<DemoView['pulling']>[0]): void {
    this.lines.push(`${node} has ${bytes} of ${JSON.stringify(from)}`)
  }

  pulled({ node }: Parameters<DemoView['pulled']>[0]): void {
    this.lines.push(`${node} done`)
  }

  upstreamStopped(): void {
    this.lines.push('upstream stopped')
  }
}

const isWhole = async (): Promise<readonly string[]> => []

test('the first node pulls from upstream; the others when that is gone and they find all parts at each other', async () => {
  await using upstream = await startUpstream(image, { bytesPerSecond: undefined })
  await using first = await startNode()
  await using second = await startNode()
  const view = new Journal()
  const reachable = async () => (await fetch(new URL('/v2/', upstream.url)).catch(() => undefined))?.ok ?? false
  const outcome = await runScenario(
    {
      image,
      nodes: [first.node, second.node],
      upstream,
      view,
      verify: isWhole,
      pull: async (_, { progress }) => {
        const source = (await reachable()) ? 'upstream' : 'peer'
        progress.advanced(image.root.digest, 3, source)
        progress.advanced(image.root.digest, 4, source)
        return { bytes: 7, seconds: 0.123_456, from: { [source]: 7 } }
      },
    },
    { signal },
  )
  const [a, b] = [first.node.name, second.node.name]
  assert.deepEqual(outcome, {
    pulls: [
      { node: a, seconds: 0.123, bytes: 7, from: { upstream: 7 } },
      { node: b, seconds: 0.123, bytes: 7, from: { peer: 7 } },
    ],
    faults: [],
  })
  assert.deepEqual(view.lines, [
    `${a} has 3 of {"upstream":3}`,
    `${a} has 7 of {"upstream":7}`,
    `${a} done`,
    'upstream stopped',
    `${b} looks`,
    `${b} has 3 of {"peer":3}`,
    `${b} has 7 of {"peer":7}`,
    `${b} done`,
  ])
  const { registry, repository } = image.reference
  const blobs = image.content.slice(1).map(({ digest }) => {
    return formatDistributionPath({ kind: 'blob', reference: { kind: 'digest', registry, repository, digest } })
  })
  for (const target of [formatDistributionPath({ kind: 'manifest', reference: image.reference }), ...blobs]) {
    assert.equal(second.asked.get(target), 2, target)
    assert.equal(first.asked.get(target), undefined, target)
  }
  assert.equal(first.asked.get('/metrics'), 2)
})

test('a pull that fails is told, and nobody pulls after it', async () => {
  await using upstream = await startUpstream(image, { bytesPerSecond: undefined })
  await using first = await startNode()
  await using second = await startNode()
  let pulls = 0
  const outcome = await runScenario(
    {
      image,
      nodes: [first.node, second.node, second.node],
      upstream,
      view: new Journal(),
      verify: isWhole,
      pull: async () => {
        pulls += 1
        if (pulls > 1) throw new Error('not what was promised')
        return { bytes: 7, seconds: 1, from: { upstream: 7 } }
      },
    },
    { signal },
  )
  assert.equal(pulls, 2)
  assert.deepEqual(outcome, {
    pulls: [{ node: first.node.name, seconds: 1, bytes: 7, from: { upstream: 7 } }],
    faults: [`${second.node.name}: not what was promised`],
  })
})

test('nobody pulls from a node that has not all that it pulled', async () => {
  await using upstream = await startUpstream(image, { bytesPerSecond: undefined })
  await using first = await startNode()
  await using second = await startNode()
  const view = new Journal()
  const outcome = await runScenario(
    {
      image,
      nodes: [first.node, second.node],
      upstream,
      view,
      verify: async ({ name }) => [`${name}: damaged`],
      pull: async () => ({ bytes: 7, seconds: 1, from: { upstream: 7 } }),
    },
    { signal },
  )
  assert.deepEqual(outcome, {
    pulls: [{ node: first.node.name, seconds: 1, bytes: 7, from: { upstream: 7 } }],
    faults: [`${first.node.name}: damaged`],
  })
  assert.deepEqual(view.lines, [`${first.node.name} done`])
})

test('what the next node finds at nobody is told, and nobody pulls after it', async () => {
  await using upstream = await startUpstream(image, { bytesPerSecond: undefined })
  await using first = await startNode()
  await using second = await startNode()
  const outcome = await runScenario(
    {
      image,
      nodes: [first.node, second.node],
      upstream,
      view: new Journal(),
      verify: isWhole,
      pull: async () => ({ bytes: 7, seconds: 1, from: { upstream: 7 } }),
    },
    { signal, foundTimeoutMs: 0 },
  )
  const target = formatDistributionPath({ kind: 'manifest', reference: image.reference })
  assert.deepEqual(outcome, {
    pulls: [{ node: first.node.name, seconds: 1, bytes: 7, from: { upstream: 7 } }],
    faults: [`node ${second.node.name} finds nobody who has ${target}`],
  })
})
