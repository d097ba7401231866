import assert from 'node:assert/strict'
import { once } from 'node:events'
import http from 'node:http'
import type { AddressInfo } from 'node:net'
import { test } from 'node:test'
import { askPeer, isMirror, viewDaemon } from './daemon.ts'

const options = { signal: new AbortController().signal }

/** Something that listens, and answers as `answers` say for each path: what they do not say is not found. */
async function listener(answers: Readonly<Record<string, string>>, date?: Date) {
  const server = http.createServer((request, response) => {
    const body = answers[request.url ?? '']
    if (date !== undefined) response.setHeader('date', date.toUTCString())
    response.statusCode = body === undefined ? 404 : 200
    response.end(body)
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = `127.0.0.1:${(server.address() as AddressInfo).port}`
  return {
    address,
    url: `http://${address}`,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections()
      server.close()
      await once(server, 'close')
    },
  }
}

const NODE = '/debug/web/api/v1/node'

for (const [is, answers, kind] of [
  ['a daemon', { [NODE]: '{"peerId":"a","twins":[]}' }, 'running'],
  ['one without its API', { '/metrics': 'go_x 1\nspegel_peers 1\n' }, 'mute'],
  ['another program', { '/metrics': 'other 1\n' }, 'absent'],
  ['one that answers anything', { [NODE]: '<html>', '/metrics': '<html>' }, 'absent'],
  ['one that answers with other JSON', { [NODE]: '{"twins":1}', '/metrics': '' }, 'absent'],
] as const) {
  test(`${is} is seen as ${kind}`, async () => {
    await using other = await listener(answers)
    assert.equal((await viewDaemon(other.url, options)).kind, kind)
  })
}

test('where nothing listens there is no daemon, no peer and no mirror', async () => {
  const gone = await listener({})
  await gone[Symbol.asyncDispose]()
  assert.deepEqual(await viewDaemon(gone.url, options), { kind: 'absent', reason: 'connection refused' })
  assert.deepEqual(await askPeer(gone.address, options), { kind: 'silent', reason: 'connection refused' })
  assert.equal(await isMirror(gone.url, options), false)
})

test('a mirror is what answers as one, by HTTP', async () => {
  await using mirror = await listener({ '/livez': 'ok' })
  await using registry = await listener({ '/v2/': '{}' })
  assert.equal(await isMirror(mirror.url, options), true)
  assert.equal(await isMirror(`${mirror.url}/`, options), true)
  assert.equal(await isMirror(registry.url, options), false)
  assert.equal(await isMirror(`https://${mirror.address}`, options), false)
  assert.equal(await isMirror('no url', options), false)
})

/** Minutes that a peer is said to be off whose clock is off by `offMs`. */
async function minutesOff(offMs: number): Promise<number> {
  await using peer = await listener({ '/livez': 'ok' }, new Date(Date.now() + offMs))
  const answer = await askPeer(peer.address, options)
  return answer.kind === 'answers' ? Math.round((answer.skewMs ?? Number.NaN) / 60_000) : Number.NaN
}

test('a peer tells how far its clock is off', async () => {
  assert.deepEqual([await minutesOff(0), await minutesOff(600_000), await minutesOff(-600_000)], [0, 10, -10])
})

test('asking ends with its signal', async () => {
  const reason = new Error('enough')
  await assert.rejects(viewDaemon('http://127.0.0.1:9', { signal: AbortSignal.abort(reason) }), reason)
})
