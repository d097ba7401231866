import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { startNode } from '../../test/mirror/node-under-test.ts'
import { rawExchange } from '../../test/mirror/raw-exchange.ts'
import type { BasicAuth } from '../http/basic-auth.ts'
import { digestOf } from '../oci/digest.ts'

const basicAuth: BasicAuth = { header: 'Basic good', verify: authorization => authorization === 'Basic good' }
const blob = `/v2/library/busybox/blobs/${digestOf(Buffer.of())}?ns=docker.io`

describe('health', () => {
  const cases = [
    ['/livez', true, 200],
    ['/livez', false, 200],
    ['/readyz', true, 200],
    ['/readyz', false, 503],
  ] as const
  for (const [target, ready, status] of cases) {
    test(`of ${target} is ${status} without credentials on a node that is ${ready ? '' : 'not '}ready`, async () => {
      await using node = await startNode({ ready, basicAuth })
      assert.equal((await rawExchange(node.address, { target })).status, status)
      const handler = target === '/livez' ? 'live' : 'ready'
      const labels = `handler="${handler}",method="GET",code="${status}"`
      assert.equal(await node.metric(`http_request_duration_seconds_count{${labels}}`), 1)
    })
  }
})

describe('the base path', () => {
  for (const target of ['/v2', '/v2/']) {
    for (const method of ['GET', 'HEAD'] as const) {
      test(`${target} tells ${method} that this is a registry`, async () => {
        await using node = await startNode()
        const response = await rawExchange(node.address, { method, target })
        assert.equal(response.status, 200)
        assert.equal(response.headers['docker-distribution-api-version'], 'registry/2.0')
        assert.equal(response.body.toString(), method === 'GET' ? '{}' : '')
        const labels = `handler="v2",method="${method}",code="200"`
        assert.equal(await node.metric(`http_request_duration_seconds_count{${labels}}`), 1)
      })
    }
  }
})

describe('credentials', () => {
  const good = { authorization: 'Basic good' }
  const wrong = { authorization: 'Basic wrong' }
  const cases: readonly (readonly ['GET' | 'HEAD', string, Readonly<Record<string, string>>, number, string?])[] = [
    ['GET', '/v2/', good, 200],
    ['GET', '/v2/', {}, 401, 'Basic realm="spegel"'],
    ['GET', '/v2/', wrong, 401, 'Basic realm="spegel"'],
    ['HEAD', '/v2/', {}, 403],
    ['GET', blob, good, 404],
    ['GET', blob, {}, 403],
    ['GET', blob, wrong, 403],
    ['HEAD', blob, wrong, 403],
    ['GET', blob, { ...wrong, 'x-spegel-mirrored': 'true' }, 403],
    ['GET', '/v2/library/busybox/manifests/1.37?ns=docker.io', {}, 403],
  ]
  for (const [method, target, headers, status, challenge] of cases) {
    const sent = [headers['authorization'] ?? 'no credentials', ...(headers['x-spegel-mirrored'] ? ['as a peer'] : [])]
    test(`${sent.join(' ')} to ${method} ${target.split('?')[0]} are answered ${status}`, async () => {
      await using node = await startNode({ basicAuth })
      const response = await rawExchange(node.address, { method, target, headers })
      assert.equal(response.status, status)
      assert.equal(response.headers['www-authenticate'], challenge)
      if (status === 403 && method === 'GET') assert.match(response.body.toString(), /"code":"DENIED"/)
    })
  }

  test('are not asked for where none are set', async () => {
    await using node = await startNode()
    assert.equal((await rawExchange(node.address, { target: blob, headers: wrong })).status, 404)
  })
})

describe('what is no request for content', () => {
  const cases = [
    ['/v2/busybox/manifests/latest', 404, 'NAME_UNKNOWN'],
    ['/v2/library/busybox/blobs/sha256:5?ns=docker.io', 400, 'DIGEST_INVALID'],
    ['/v2/library/busybox/tags/list?ns=docker.io', 404, 'UNSUPPORTED'],
    ['/v2/..%2f/manifests/a?ns=docker.io', 400, 'NAME_INVALID'],
  ] as const
  for (const [target, status, code] of cases) {
    test(`${target} is answered ${status} ${code}`, async () => {
      await using node = await startNode()
      const response = await rawExchange(node.address, { target })
      assert.equal(response.status, status)
      assert.match(response.body.toString(), new RegExp(`"code":"${code}"`))
      const labels = `handler="registry",method="GET",code="${status}"`
      assert.equal(await node.metric(`http_request_duration_seconds_count{${labels}}`), 1)
    })
  }
})
