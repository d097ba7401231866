import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as fc from 'fast-check'
import { patience } from '../../../test/contracts/store-contract.ts'
import { RegistryServer } from '../../../test/fakes/registry-server.ts'
import { fetchToken, parseBearerChallenge } from './bearer-auth.ts'
import { HostError } from './errors.ts'

const realm = 'https://auth.example/token'

for (const [header, expected] of [
  [`Bearer realm="${realm}"`, {}],
  [`bearer realm=${realm}`, {}],
  [
    `Bearer realm="${realm}",service="registry.example",scope="repository:a/b:pull"`,
    { service: 'registry.example', scope: 'repository:a/b:pull' },
  ],
  [`Bearer service="s" , realm="${realm}"`, { service: 's' }],
  [`Bearer realm="${realm}", scope="repository:a:pull,push"`, { scope: 'repository:a:pull,push' }],
  [`Basic realm="other", Bearer realm="${realm}",service="s"`, { service: 's' }],
  [`Bearer realm="${realm}", error="invalid_token"`, {}],
] as const) {
  test(`the challenge ${header} is understood`, () => {
    assert.deepEqual(parseBearerChallenge(header), { realm: new URL(realm), ...expected })
  })
}

for (const header of [
  '',
  'Basic realm="x"',
  'Bearer',
  'Bearer service="s"',
  'Bearer realm="nowhere"',
  'Bearer realm="file:///etc/passwd"',
]) {
  test(`a header ${JSON.stringify(header)} has no challenge to act on`, () => {
    assert.equal(parseBearerChallenge(header), undefined)
  })
}

test('whatever service and scope are quoted in a challenge are read back', () => {
  const text = fc.string({ unit: fc.constantFrom(...'abcXYZ0189:/.,_-* ='.split('')) })
  fc.assert(
    fc.property(text, text, (service, scope) => {
      const header = `Bearer realm="${realm}",service="${service}",scope="${scope}"`
      assert.deepEqual(parseBearerChallenge(header), { realm: new URL(realm), service, scope })
    }),
  )
})

test('any header is parsed or refused, never an exception', () => {
  fc.assert(
    fc.property(fc.string(), fc.string(), (before, after) => {
      const challenge = parseBearerChallenge(`${before} Bearer realm="${realm}", ${after}`)
      assert.ok(challenge === undefined || challenge.realm.protocol.startsWith('http'))
    }),
  )
})

for (const [what, status, body] of [
  ['an error', 403, '{}'],
  ['no JSON', 200, 'token'],
  ['no token', 200, '{"expires_in":300}'],
  ['a token that fits no header', 200, JSON.stringify({ token: 'a\r\nb' })],
  ['too much', 200, JSON.stringify({ token: 'x'.repeat(100_000) })],
] as const) {
  test(`a token service that answers with ${what} gives no token`, async () => {
    await using service = await RegistryServer.start()
    service.intercept = (_, response) => response.writeHead(status).end(body) !== undefined
    await assert.rejects(fetchToken({ realm: service.url }, { signal: patience() }), HostError)
  })
}
