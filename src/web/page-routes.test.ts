import assert from 'node:assert/strict'
import http from 'node:http'
import { after, before, describe, test } from 'node:test'
import { gunzipSync, gzipSync } from 'node:zlib'
import { dispatch } from '../http/dispatch.ts'
import { type HttpServer, startHttpServer } from '../http/server.ts'
import { createLog } from '../observability/log.ts'
import { createMetrics } from '../observability/metrics.ts'
import { pageRoutes } from './page-routes.ts'

const FILES = new Map([
  ['index.html', gzipSync('<!doctype html>')],
  ['page.js', gzipSync('run()')],
])

interface Answer {
  readonly status: number | undefined
  readonly headers: http.IncomingHttpHeaders
  readonly body: Buffer
}

describe('the files of the page', () => {
  const log = createLog('ERROR')
  let server: HttpServer

  const get = async (path: string, headers: Readonly<Record<string, string>> = {}): Promise<Answer> => {
    const { promise, resolve, reject } = Promise.withResolvers<http.IncomingMessage>()
    http.get({ host: '127.0.0.1', port: server.address.port, path, headers, agent: false }, resolve).on('error', reject)
    const response = await promise
    const body = Buffer.concat(await Array.fromAsync<Buffer>(response))
    return { status: response.statusCode, headers: response.headers, body }
  }

  before(async () => {
    const routes = pageRoutes(FILES)
    server = await startHttpServer(
      { handler: dispatch({ routes, metrics: createMetrics(), log }), log },
      { name: 'page', listen: { host: '127.0.0.1', port: 0 } },
    )
  })
  after(async () => await server[Symbol.asyncDispose]())

  test('are compressed for those who can take it, and plain for others', async () => {
    const compressed = await get('/debug/web/', { 'accept-encoding': 'br, gzip' })
    assert.equal(compressed.headers['content-encoding'], 'gzip')
    assert.equal(String(gunzipSync(compressed.body)), '<!doctype html>')
    const plain = await get('/debug/web/page.js')
    assert.equal(plain.headers['content-encoding'], undefined)
    assert.equal(plain.headers['content-type'], 'text/javascript; charset=utf-8')
    assert.equal(String(plain.body), 'run()')
  })

  test('say what browsers are to keep out', async () => {
    const { headers } = await get('/debug/web/')
    assert.match(String(headers['content-security-policy']), /^default-src 'none'/)
    assert.equal(headers['x-content-type-options'], 'nosniff')
    assert.equal(headers['cross-origin-resource-policy'], 'same-origin')
  })

  test('are found without the slash, which relative links need', async () => {
    const { status, headers } = await get('/debug/web')
    assert.deepEqual([status, headers.location], [308, '/debug/web/'])
  })

  test('are refused with a hint where they were not built', async () => {
    const { status, body } = await get('/debug/web/page.css')
    assert.equal(status, 404)
    assert.match(String(body), /npm run build/)
  })
})
