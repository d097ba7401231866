import assert from 'node:assert/strict'
import { once } from 'node:events'
import { test } from 'node:test'
import { until } from '../../../test/until.ts'
import { dispatch } from '../../http/dispatch.ts'
import type { PeerClient } from '../../http/peer-client.ts'
import { startHttpServer } from '../../http/server.ts'
import { createLog } from '../../observability/log.ts'
import { createMetrics } from '../../observability/metrics.ts'
import { MeasureRoute } from './measure-route.ts'

/** A registry that never answers, and knows how many wait for it. */
class SilentRegistry implements Pick<PeerClient, 'request'> {
  waiting = 0

  async request(...[, { signal }]: Parameters<PeerClient['request']>): ReturnType<PeerClient['request']> {
    this.waiting += 1
    try {
      if (!signal.aborted) await once(signal, 'abort')
      throw signal.reason
    } finally {
      this.waiting -= 1
    }
  }
}

async function serve(registry: SilentRegistry) {
  const log = createLog('ERROR')
  const route = new MeasureRoute({
    peerClient: { request: registry.request.bind(registry), close: async () => {} },
    node: {
      version: '0',
      platform: { os: 'linux', architecture: 'amd64' },
      ready: () => true,
      registry: () => ({ host: '127.0.0.1', port: 5000 }),
      multiaddrs: () => [],
      twins: () => [],
    },
  })
  const routes = [{ path: '/measure', handler: 'web', handle: route.serve.bind(route) }]
  const server = await startHttpServer(
    { handler: dispatch({ routes, metrics: createMetrics(), log }), log },
    { name: 'test', listen: { host: '127.0.0.1', port: 0 } },
  )
  const url = (image: string) => `http://127.0.0.1:${server.address.port}/measure?image=${encodeURIComponent(image)}`
  return { url, [Symbol.asyncDispose]: () => server[Symbol.asyncDispose]() }
}

test('a measurement is the only one, and ends when its reader goes', async () => {
  const registry = new SilentRegistry()
  await using server = await serve(registry)
  for (const accept of ['text/event-stream', 'application/json']) {
    const reader = new AbortController()
    const first = fetch(server.url('docker.io/library/busybox:1'), { headers: { accept }, signal: reader.signal })
    first.catch(() => {})
    await until(() => registry.waiting === 1)
    assert.equal((await fetch(server.url('docker.io/library/busybox:1'))).status, 409)
    reader.abort()
    await until(() => registry.waiting === 0)
  }
})

for (const image of ['', '<script>', 'UPPER CASE', 'a'.repeat(5000)]) {
  test(`${JSON.stringify(image.slice(0, 20))} is no image to measure`, async () => {
    await using server = await serve(new SilentRegistry())
    const response = await fetch(server.url(image))
    assert.equal(response.status, 400)
    assert.equal(response.headers.get('content-type'), 'application/json')
  })
}
