import assert from 'node:assert/strict'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { test } from 'node:test'
import { sampleTag } from '../../../test/contracts/sample-image.ts'
import { patience } from '../../../test/contracts/store-contract.ts'
import { RegistryServer } from '../../../test/fakes/registry-server.ts'
import { hostsFor, isProxy, RegistryHost } from './registry-host.ts'

const { registry } = sampleTag
const path = '/v2/library/sample/manifests/v1'
const target = `${path}?ns=registry.example%3A5000`

async function send(host: RegistryHost): Promise<number> {
  await using exchange = await host.send(target, { method: 'GET', headers: {}, signal: patience() })
  return exchange.status
}

/** Serves with `authorization`, and else challenges the client to fetch a token at `realm`. */
function challenging(realm: URL, authorization: string) {
  return (request: IncomingMessage, response: ServerResponse): boolean => {
    const challenge = `Bearer realm="${realm.href}",service="registry.example",scope="repository:library/sample:pull"`
    if (request.headers.authorization === authorization) response.writeHead(200).end('content')
    else response.writeHead(401, { 'www-authenticate': challenge }).end()
    return true
  }
}

test('upstream that asks for a token is given an anonymous one, which is kept', async () => {
  await using upstream = await RegistryServer.start()
  await using tokens = await RegistryServer.start()
  tokens.intercept = (_, response) => response.end('{"token":"anybody"}') !== undefined
  upstream.intercept = challenging(new URL('/token', tokens.url), 'Bearer anybody')
  const host = new RegistryHost('upstream', upstream.url, { registry })
  assert.equal(await send(host), 200)
  assert.equal(await send(host), 200)
  const [asked, ...more] = tokens.requests
  assert.equal(asked?.url, '/token?service=registry.example&scope=repository%3Alibrary%2Fsample%3Apull')
  assert.equal(asked?.headers.authorization, undefined)
  assert.deepEqual(more, [])
  assert.deepEqual(
    upstream.requests.map(({ headers }) => headers.authorization),
    [undefined, 'Bearer anybody', 'Bearer anybody'],
  )
})

test('upstream that refuses the token it asked for has its refusal passed on', async () => {
  await using upstream = await RegistryServer.start()
  await using tokens = await RegistryServer.start()
  tokens.intercept = (_, response) => response.end('{"access_token":"useless"}') !== undefined
  upstream.intercept = challenging(tokens.url, 'Bearer better')
  assert.equal(await send(new RegistryHost('upstream', upstream.url, { registry })), 401)
  assert.equal(upstream.requests.length, 2)
})

test('a mirror that asks for a token is not given one', async () => {
  await using mirror = await RegistryServer.start()
  await using tokens = await RegistryServer.start()
  mirror.intercept = challenging(tokens.url, 'Bearer anybody')
  assert.equal(await send(new RegistryHost('mirror', mirror.url, { registry })), 401)
  assert.deepEqual(tokens.requests, [])
})

test("credentials in a mirror's URL are sent to it as basic auth", async () => {
  await using mirror = await RegistryServer.start()
  const url = new URL(mirror.url)
  url.username = 'user'
  url.password = 'päss:w@rd'
  const host = new RegistryHost('mirror', url, { registry })
  await send(host)
  const expected = `Basic ${Buffer.from('user:päss:w@rd').toString('base64')}`
  assert.equal(mirror.requests[0]?.headers.authorization, expected)
  assert.equal(host.name, mirror.url.host)
})

test('a redirect to another host is followed without the credentials', async () => {
  await using mirror = await RegistryServer.start()
  await using elsewhere = await RegistryServer.start()
  const url = new URL(mirror.url)
  url.username = 'user'
  url.password = 'secret'
  mirror.intercept = (_, response) => response.writeHead(307, { location: elsewhere.url.href }).end() !== undefined
  elsewhere.intercept = (_, response) => response.end('content') !== undefined
  assert.equal(await send(new RegistryHost('mirror', url, { registry })), 200)
  assert.match(mirror.requests[0]?.headers.authorization ?? '', /^Basic /)
  assert.equal(elsewhere.requests[0]?.headers.authorization, undefined)
})

test('a path in the URL of a host comes before that of the request', async () => {
  await using mirror = await RegistryServer.start()
  await send(new RegistryHost('mirror', new URL('/proxy/', mirror.url), { registry }))
  assert.equal(mirror.requests[0]?.url, `/proxy${target}`)
})

for (const [registry, host] of [
  ['docker.io', 'registry-1.docker.io'],
  ['ghcr.io', 'ghcr.io'],
  ['registry.example:5000', 'registry.example:5000'],
] as const) {
  test(`upstream of ${registry} is ${host} unless told otherwise`, () => {
    const reference = { ...sampleTag, registry }
    const names = (mirror: URL | undefined, upstream: URL | undefined): readonly string[] =>
      hostsFor({ reference, mirror, upstream }).map(({ name }) => name)
    assert.deepEqual(names(undefined, undefined), [host])
    assert.deepEqual(names(new URL('http://127.0.0.1:5000'), undefined), ['127.0.0.1:5000', host])
    assert.deepEqual(names(undefined, new URL('http://127.0.0.1:6000')), ['127.0.0.1:6000'])
  })
}

for (const [name, asked, told] of [
  ['mirror.example', 'registry.example', true],
  ['registry.example', 'registry.example', false],
  ['registry.example', 'registry.example:5000', true],
  ['registry-1.docker.io', 'docker.io', false],
  ['docker.io', 'docker.io', false],
  ['registry-1.docker.io', 'ghcr.io', true],
] as const) {
  test(`${name} is ${told ? 'told that ' : 'not told that '}${asked} is meant`, () => {
    assert.equal(isProxy(name, asked), told)
  })
}

test('a host that is the registry itself gets no ns, another one does', async () => {
  await using server = await RegistryServer.start()
  await send(new RegistryHost('upstream', server.url, { registry: server.url.host }))
  await send(new RegistryHost('upstream', server.url, { registry }))
  assert.deepEqual(
    server.requests.map(({ url }) => url),
    [path, target],
  )
})

test('what a mirror says of its source is used only where it is plain text', async () => {
  await using mirror = await RegistryServer.start()
  const host = new RegistryHost('mirror', mirror.url, { registry })
  for (const [header, source] of [
    ['store', 'store'],
    ['127.0.0.9:5000', '127.0.0.9:5000'],
    ['\x9b2J', mirror.url.host],
    ['x'.repeat(101), mirror.url.host],
    ['', mirror.url.host],
  ] as const) {
    mirror.intercept = (_, response) => response.writeHead(200, { 'x-spegel-source': header }).end() !== undefined
    await using exchange = await host.send(target, { method: 'GET', headers: {}, signal: patience() })
    assert.equal(host.sourceOf(exchange), source)
  }
})
