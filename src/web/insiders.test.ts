import assert from 'node:assert/strict'
import { test } from 'node:test'
import { MemoryLog } from '../../test/fakes/memory-log.ts'
import { createBasicAuth } from '../http/basic-auth.ts'
import { sendBytes } from '../http/body.ts'
import { dispatch, type Route } from '../http/dispatch.ts'
import { startHttpServer } from '../http/server.ts'
import { createMetrics } from '../observability/metrics.ts'
import { type InsiderOptions, insiderRoutes } from './insiders.ts'

const basicAuth = createBasicAuth({ username: 'mirror', password: 'secret' })
const SECRET: Route = {
  path: '/debug/secret',
  handler: 'web',
  handle: async exchange => void (await sendBytes(exchange, { status: 200, headers: {}, body: 'images' })),
}

async function ask(options: InsiderOptions, headers: Readonly<Record<string, string>> = {}) {
  const log = new MemoryLog()
  const handler = dispatch({ routes: insiderRoutes([SECRET], options), metrics: createMetrics(), log })
  await using server = await startHttpServer({ handler, log }, { name: 'test', listen: { host: '127.0.0.1', port: 0 } })
  const response = await fetch(`http://127.0.0.1:${server.address.port}/debug/secret`, { headers })
  return { status: response.status, challenge: response.headers.get('www-authenticate'), body: await response.text() }
}

const isTrusted = (): boolean => false

test('a stranger is told nothing, and asked for credentials', async () => {
  for (const authorization of ['', 'Basic bWlycm9yOndyb25n', 'Bearer x']) {
    const { status, challenge, body } = await ask(
      { basicAuth, isTrusted },
      authorization === '' ? {} : { authorization },
    )
    assert.equal(status, 401)
    assert.match(challenge ?? '', /^Basic /)
    assert.ok(!body.includes('images'))
  }
})

test('who has the credentials of the mirrors is answered', async () => {
  const { status, body } = await ask({ basicAuth, isTrusted }, { authorization: basicAuth.header })
  assert.deepEqual([status, body], [200, 'images'])
})

test('a client on loopback needs none, nor does anybody where there are none', async () => {
  assert.equal((await ask({ basicAuth })).status, 200)
  assert.equal((await ask({ isTrusted })).status, 200)
})
