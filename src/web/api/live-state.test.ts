import assert from 'node:assert/strict'
import { mock, test } from 'node:test'
import { MemoryMesh } from '../../../test/fakes/memory-router.ts'
import { MemoryStore } from '../../../test/fakes/memory-store.ts'
import { until } from '../../../test/until.ts'
import { dispatch } from '../../http/dispatch.ts'
import { startHttpServer } from '../../http/server.ts'
import { createLog } from '../../observability/log.ts'
import { createMetrics } from '../../observability/metrics.ts'
import { apiRoutes } from './api-routes.ts'
import { API_PATH } from './state.ts'

async function serve() {
  const log = createLog('ERROR')
  const metrics = createMetrics()
  const router = new MemoryMesh().join({ id: 'me', registry: { host: '127.0.0.1', port: 5000 } })
  const entries = mock.fn(() => [])
  const routes = apiRoutes({
    metrics,
    log,
    router,
    members: router,
    store: new MemoryStore(),
    entries,
    standing: () => undefined,
    peerClient: { request: () => Promise.reject(new Error('nobody is asked')), close: async () => {} },
    node: {
      version: '0',
      platform: { os: 'linux', architecture: 'amd64' },
      ready: () => true,
      registry: () => ({ host: '127.0.0.1', port: 5000 }),
      multiaddrs: () => [],
      twins: () => [],
    },
  })
  const server = await startHttpServer(
    { handler: dispatch({ routes, metrics, log }), log },
    { name: 'test', listen: { host: '127.0.0.1', port: 0 } },
  )
  return {
    url: `http://127.0.0.1:${server.address.port}${API_PATH}/events`,
    metrics,
    /** Times that the state was put together. */
    rounds: () => entries.mock.callCount(),
    [Symbol.asyncDispose]: () => server[Symbol.asyncDispose](),
  }
}

test('any number of pages costs one, no page nothing, and there are so many at most', async t => {
  t.mock.timers.enable({ apis: ['setInterval'] })
  await using node = await serve()
  const leave = new AbortController()
  const open = () => fetch(node.url, { signal: leave.signal })
  const pages = await Promise.all(Array.from({ length: 64 }, open))
  for (const page of pages) assert.equal(page.status, 200)
  assert.equal(node.rounds(), 1)
  assert.equal((await fetch(node.url)).status, 503)
  t.mock.timers.tick(1000)
  assert.equal(node.rounds(), 2)
  leave.abort()
  await until(() => {
    const before = node.rounds()
    t.mock.timers.tick(1000)
    return node.rounds() === before
  })
})

test('what changes is sent, and nothing else', async t => {
  t.mock.timers.enable({ apis: ['setInterval'] })
  await using node = await serve()
  const leave = new AbortController()
  const page = await fetch(node.url, { signal: leave.signal })
  const reader = page.body?.pipeThrough(new TextDecoderStream()).getReader()
  const read = async (): Promise<readonly string[]> => {
    const { value = '' } = (await reader?.read()) ?? {}
    return [...value.matchAll(/^event: (.*)$/gm)].map(([, name = '']) => name)
  }
  assert.deepEqual(await read(), ['node', 'members', 'activity', 'history'])
  t.mock.timers.tick(1000)
  node.metrics.traffic.hit()
  t.mock.timers.tick(1000)
  const news = await read()
  assert.ok(news.includes('node') && news.includes('history') && !news.includes('members'))
  leave.abort()
  await reader?.closed.catch(() => {})
})
