import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import path from 'node:path'
import process from 'node:process'
import { text } from 'node:stream/consumers'
import { after, before, describe, test } from 'node:test'
import {
  type ActivityState,
  API_PATH,
  type HistoryState,
  type ImageState,
  type ImagesState,
  type MeasureState,
  type MembersState,
  type NodeState,
} from '../../src/web/api/state.ts'
import { until } from '../until.ts'
import { type Cluster, startCluster } from './cluster.ts'
import { metric } from './node-state.ts'

const MAIN = path.resolve(import.meta.dirname, '../../src/main.ts')
const HOLDER = '127.14.0.1'
const PULLER = '127.14.0.2'
const THIRD = '127.14.0.3'
const LAYER_BYTES = 3_000_000

interface ServerEvent {
  readonly name: string
  readonly data: unknown
}

/** Server-sent events of `url`, until `signal` aborts. */
async function* eventsOf(url: string, signal: AbortSignal): AsyncGenerator<ServerEvent> {
  const response = await fetch(url, { signal, headers: { accept: 'text/event-stream' } })
  assert.equal(response.headers.get('content-type'), 'text/event-stream; charset=utf-8')
  let received = ''
  for await (const chunk of response.body?.pipeThrough(new TextDecoderStream()) ?? []) {
    received += chunk
    for (let end = received.indexOf('\n\n'); end !== -1; end = received.indexOf('\n\n')) {
      const [, name = '', data = 'null'] = /^event: (.*)\ndata: (.*)$/.exec(received.slice(0, end)) ?? []
      received = received.slice(end + 2)
      if (name !== '') yield { name, data: JSON.parse(data) }
    }
  }
}

async function spegel(
  ...args: readonly string[]
): Promise<{ readonly stdout: string; readonly status: number | null }> {
  const child = spawn(process.execPath, [MAIN, ...args], { env: {}, stdio: ['ignore', 'pipe', 'ignore'] })
  const [stdout] = await Promise.all([text(child.stdout), once(child, 'close')])
  return { stdout, status: child.exitCode }
}

describe('the API of the debug pages', () => {
  let cluster: Cluster
  const api = async <T>(host: string, path: string): Promise<T> => {
    const response = await fetch(`${cluster.node(host).metricsUrl}${API_PATH}/${path}`)
    const body = await response.text()
    assert.equal(response.status, 200, body)
    return JSON.parse(body) as T
  }
  const image = (): string => {
    const { registry, repository, tag } = cluster.image.reference
    return `${registry}/${repository}:${tag}`
  }
  const pull = async (): Promise<number> => {
    const response = await fetch(cluster.node(PULLER).url + cluster.target('blobs', cluster.image.layer.digest))
    return (await response.arrayBuffer()).byteLength
  }

  before(async () => {
    const hosts = [HOLDER, PULLER, THIRD]
    const flags = ['--debug-web-enabled=true']
    cluster = await startCluster({ hosts, holders: [HOLDER], layerBytes: LAYER_BYTES, flags })
    await cluster.found(PULLER)
  })
  after(async () => await cluster[Symbol.asyncDispose]())

  test('a node tells who it is, and names its peers', async () => {
    await until(async () => (await api<NodeState>(HOLDER, 'node')).peers === 2)
    const node = await api<NodeState>(HOLDER, 'node')
    assert.equal(node.ready, true)
    assert.deepEqual(node.twins, [])
    assert.equal(node.images, 1)
    assert.equal(node.registry, `${HOLDER}:${cluster.ports.registry}`)
    const { members, total } = await api<MembersState>(HOLDER, 'members')
    assert.equal(total, 2)
    assert.deepEqual(
      members.map(({ address }) => address),
      [PULLER, THIRD].map(host => `${host}:${cluster.ports.registry}`),
    )
  })

  test('bytes that a client received are those of the API, of the metrics and of both ends, to the byte', async () => {
    const before = (await api<NodeState>(PULLER, 'node')).totals.peer
    const sent = (await api<NodeState>(HOLDER, 'node')).totals.upload
    const received = await pull()
    assert.equal(received, cluster.image.layer.size)
    const { totals } = await api<NodeState>(PULLER, 'node')
    assert.equal(totals.peer - before, received)
    assert.equal(await metric(cluster.node(PULLER), 'spegel_served_bytes_total', { source: 'peer' }), totals.peer)
    const { members } = await api<MembersState>(PULLER, 'members')
    const holder = members.find(({ address }) => address.startsWith(HOLDER))
    assert.equal(holder?.receivedBytes, totals.peer)
    assert.ok((holder?.latencyMs ?? 0) > 0)
    assert.ok((holder?.bytesPerSecond ?? 0) > 0)
    const holderTotals = (await api<NodeState>(HOLDER, 'node')).totals
    assert.equal(holderTotals.upload - sent, received)
    for (const span of ['hour', 'day']) {
      const { values, times } = await api<HistoryState>(PULLER, `history?span=${span}`)
      assert.equal(times.length, values.peer.length)
      assert.equal(
        values.peer.reduce((sum, bytes) => sum + bytes, 0),
        totals.peer,
      )
    }
  })

  test('requests are told with their outcome and the peers that were tried', async () => {
    await pull()
    const unknown = `sha256:${'0'.repeat(64)}`
    await fetch(cluster.node(PULLER).url + cluster.target('blobs', unknown))
    const { recent } = await api<ActivityState>(PULLER, 'activity')
    const [miss, served] = recent
    assert.equal(miss?.outcome, 'miss')
    assert.equal(miss?.reason, 'not_found')
    assert.ok(miss?.name.endsWith(unknown))
    assert.equal(served?.outcome, 'served')
    assert.deepEqual(served?.bytes, { peer: cluster.image.layer.size })
    assert.equal(served?.size, cluster.image.layer.size)
    assert.deepEqual(
      served?.attempts.map(({ peer, outcome }) => [peer, outcome]),
      [[`${HOLDER}:${cluster.ports.registry}`, 'answered']],
    )
    const atHolder = (await api<ActivityState>(HOLDER, 'activity')).recent.find(({ from }) => from === 'peer')
    assert.equal(atHolder?.client, '127.0.0.1')
  })

  test('an image is told with its pieces and who else holds them', async () => {
    const { images } = await api<ImagesState>(HOLDER, 'images')
    assert.deepEqual(
      images.map(({ name }) => name),
      [image()],
    )
    const state = await api<ImageState>(HOLDER, `image?name=${encodeURIComponent(image())}`)
    assert.deepEqual(
      state.pieces.map(({ kind, held, holders }) => ({ kind, held, holders })),
      [
        { kind: 'manifest', held: true, holders: [] },
        { kind: 'config', held: true, holders: [] },
        { kind: 'layer', held: true, holders: [] },
      ],
    )
    const absent = await fetch(`${cluster.node(PULLER).metricsUrl}${API_PATH}/image?name=${image()}`)
    assert.equal(absent.status, 404)
    const odd = await fetch(`${cluster.node(PULLER).metricsUrl}${API_PATH}/image?name=${encodeURIComponent('<b>')}`)
    assert.equal(odd.status, 400)
  })

  test('a measurement fetches every piece from peers and keeps nothing', async () => {
    const state = await api<MeasureState>(PULLER, `measure?image=${encodeURIComponent(image())}`)
    assert.equal(state.error, undefined)
    assert.equal(state.done, true)
    assert.deepEqual(
      state.pieces.map(({ kind, source }) => [kind, source]),
      ['manifest', 'config', 'layer'].map(kind => [kind, `${HOLDER}:${cluster.ports.registry}`]),
    )
    for (const { size, bytes, startMs, headMs = -1, endMs = -1 } of state.pieces) {
      assert.equal(bytes, size)
      assert.ok(startMs <= headMs && headMs <= endMs)
    }
    const absent = await api<MeasureState>(PULLER, 'measure?image=registry.example/none:1')
    assert.equal(absent.error, 'no node has it')
  })

  test('a measurement is told of as it goes', async () => {
    const url = `${cluster.node(PULLER).metricsUrl}${API_PATH}/measure?image=${encodeURIComponent(image())}`
    const events = await Array.fromAsync(eventsOf(url, AbortSignal.timeout(30_000)))
    assert.deepEqual(new Set(events.map(({ name }) => name)), new Set(['progress', 'done']))
    const last = events.at(-1)
    assert.equal(last?.name, 'done')
    assert.equal((last?.data as MeasureState | undefined)?.pieces.length, 3)
  })

  test('another site can’t have a browser measure', async () => {
    const url = `${cluster.node(PULLER).metricsUrl}${API_PATH}/measure?image=${image()}`
    const response = await fetch(url, { headers: { 'sec-fetch-site': 'cross-site' } })
    assert.equal(response.status, 403)
  })

  test('readers are told what changes', async () => {
    const stop = new AbortController()
    const names = new Set<string>()
    let pulled = false
    for await (const { name, data } of eventsOf(`${cluster.node(PULLER).metricsUrl}${API_PATH}/events`, stop.signal)) {
      names.add(name)
      if (name === 'activity' && pulled) {
        const [latest] = (data as ActivityState).recent
        assert.equal(latest?.bytes['peer'], cluster.image.layer.size)
        break
      }
      if (names.size === 4 && !pulled) {
        await pull()
        pulled = true
      }
    }
    stop.abort()
    assert.deepEqual([...names].toSorted(), ['activity', 'history', 'members', 'node'])
  })

  test('spegel status prints what the API tells', async () => {
    const { stdout, status } = await spegel('status', `--metrics-addr=${PULLER}:${cluster.ports.metrics}`)
    assert.equal(status, 0)
    assert.match(stdout, /^Serving\. 2 peers\. 100 % of bytes from peers today\.\n/)
    assert.match(stdout, new RegExp(`^${HOLDER}:${cluster.ports.registry} +[0-9.]+ ms +[0-9.]+ .B/s`, 'm'))
    assert.match(stdout, /^served +3\.0 MB +\d+ ms +local +registry\.example\/team\/app@sha256:/m)
    const json = JSON.parse(
      (await spegel('status', '--json', `--metrics-addr=${PULLER}:${cluster.ports.metrics}`)).stdout,
    )
    assert.equal(json.node.peerId, (await api<NodeState>(PULLER, 'node')).peerId)
    const absent = await spegel('status', '--metrics-addr=127.14.0.9:1')
    assert.deepEqual([absent.status, absent.stdout], [1, ''])
  })

  test('nothing of it is on the registry’s port', async () => {
    for (const path of ['node', 'events', 'measure?image=a']) {
      const response = await fetch(`${cluster.node(PULLER).url}${API_PATH}/${path}`)
      assert.equal(response.status, 404)
      await response.body?.cancel()
    }
  })
})
