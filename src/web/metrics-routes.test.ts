import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { dispatch } from '../http/dispatch.ts'
import { type HttpServer, startHttpServer } from '../http/server.ts'
import { createLog } from '../observability/log.ts'
import { createMetrics } from '../observability/metrics.ts'
import { metricsRoutes } from './metrics-routes.ts'

describe('metrics listener', () => {
  const log = createLog('ERROR')
  const metrics = createMetrics()
  let server: HttpServer
  let base: string

  before(async () => {
    const routes = metricsRoutes({ metrics, health: [] })
    server = await startHttpServer(
      { handler: dispatch({ routes, metrics, log }), log },
      { name: 'metrics', listen: { host: '127.0.0.1', port: 0 } },
    )
    base = `http://127.0.0.1:${server.address.port}`
  })
  after(async () => await server[Symbol.asyncDispose]())

  test('/metrics is a Prometheus exposition that counts its own requests', async () => {
    await (await fetch(`${base}/metrics`)).text()
    const response = await fetch(`${base}/metrics`)
    assert.match(response.headers.get('content-type') ?? '', /^text\/plain; version=0\.0\.4/)
    assert.match(
      await response.text(),
      /^http_request_duration_seconds_count\{handler="metrics",method="GET",code="200"\} 1$/m,
    )
  })

  test('a CPU profile is one at a time: a second one is refused, not queued', async () => {
    const first = fetch(`${base}/debug/pprof/profile?seconds=1`)
    // Heap and CPU profiles share the one place, so whichever comes second is refused.
    const second = await fetch(`${base}/debug/pprof/heap?seconds=1`)
    assert.deepEqual(new Set([(await first).status, second.status]), new Set([200, 503]))
  })

  test('a heap profile holds stacks and no values', async () => {
    const profile: unknown = await (await fetch(`${base}/debug/pprof/heap?seconds=1`)).json()
    assert.ok(typeof profile === 'object' && profile !== null)
    assert.deepEqual(Object.keys(profile).toSorted(), ['head', 'samples'])
  })

  for (const seconds of ['0', '61', '-1', '1.5', 'x', '']) {
    test(`seconds=${JSON.stringify(seconds)} is refused with what is accepted`, async () => {
      const response = await fetch(`${base}/debug/pprof/profile?seconds=${seconds}`)
      assert.equal(response.status, 400)
      assert.match(await response.text(), /want an integer from 1 to 60/)
    })
  }
})
