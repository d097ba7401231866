import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { ManualTime } from '../../test/fakes/manual-time.ts'
import { serve } from '../../test/http/dispatch-rig.ts'
import { until } from '../../test/until.ts'
import { CLAIMS_PATH, type Claim, MAX_CLAIM_BYTES } from '../coalesce/claim.ts'
import type { BasicAuth } from '../http/basic-auth.ts'
import { digestOf } from '../oci/digest.ts'
import type { Peer } from '../routing/router.ts'
import { claimsRoute, mayClaim } from './claims-route.ts'

const CLAIM: Claim = {
  node: 'claimant',
  digest: digestOf(Buffer.from('layer')),
  offset: 7,
  lost: [],
  stalled: ['a parent'],
  behind: [],
  redirected: false,
}
const BODY = JSON.stringify(CLAIM)
const RAW_CLAIM = `POST ${CLAIMS_PATH} HTTP/1.1\r\nhost: node\r\ncontent-length: ${BODY.length}\r\n\r\n${BODY}`
/** What one address may claim at once. */
const CLAIMS_AT_ONCE = 512
const basicAuth: BasicAuth = { header: 'Basic good', verify: authorization => authorization === 'Basic good' }

async function listening(options: Parameters<typeof claimsRoute>[1] = {}) {
  const clock = new ManualTime()
  const claims: Claim[] = []
  const desk = {
    claim: async (claim: Claim) => {
      claims.push(claim)
      return { outcome: 'follow', parents: ['parent'], depth: 2 } as const
    },
  }
  const members = { peerId: 'self', find: () => undefined }
  const rig = await serve([claimsRoute({ desk, members, clock }, options)])
  const post = async (body: string, headers: Readonly<Record<string, string>> = {}) => {
    const response = await fetch(rig.url(CLAIMS_PATH), { method: 'POST', body, headers })
    return { status: response.status, text: await response.text() }
  }
  /** Uses up what this address may claim. */
  const exhaust = async () => {
    for (let count = 0; count < CLAIMS_AT_ONCE; count += 1) await post(BODY)
  }
  return { ...rig, clock, claims, post, exhaust }
}

describe('POST of a claim', () => {
  test('is answered with what the coordinator says', async () => {
    await using at = await listening()
    const { status, text } = await at.post(BODY)
    assert.equal(status, 200)
    assert.deepEqual(JSON.parse(text), { outcome: 'follow', parents: ['parent'], depth: 2 })
    assert.deepEqual(at.claims, [CLAIM])
  })

  for (const [what, headers, status] of [
    ['without credentials', {}, 403],
    ['with wrong credentials', { authorization: 'Basic bad' }, 403],
    ['with the credentials of the mirror', { authorization: basicAuth.header }, 200],
  ] as const) {
    test(`${what} is answered ${status} where they are needed`, async () => {
      await using at = await listening({ basicAuth })
      assert.equal((await at.post(JSON.stringify(CLAIM), headers)).status, status)
      assert.equal(at.claims.length, status === 200 ? 1 : 0)
    })
  }

  for (const [what, body] of [
    ['no JSON', 'claim'],
    ['nothing', ''],
    ['another thing', '[]'],
    ['no digest', JSON.stringify({ ...CLAIM, digest: 'sha256:1' })],
    ['too much', JSON.stringify({ ...CLAIM, more: 'x'.repeat(MAX_CLAIM_BYTES) })],
    ['far too much', 'x'.repeat(1_000_000)],
  ] as const) {
    test(`that holds ${what} is answered 400`, async () => {
      await using at = await listening()
      const { status, text } = await at.post(body)
      assert.equal(status, 400)
      assert.match(text, /"code":"UNSUPPORTED"/)
      assert.deepEqual(at.claims, [])
    })
  }

  test('in the name of the coordinator itself is refused', async () => {
    await using at = await listening()
    assert.equal((await at.post(JSON.stringify({ ...CLAIM, node: 'self' }))).status, 403)
    assert.deepEqual(at.claims, [])
  })

  test('is not looked at from an address that makes too many, until some time has passed', async () => {
    await using at = await listening()
    await at.exhaust()
    const refused = at.post('no JSON')
    await until(() => at.clock.sleeps.length === 1)
    at.clock.advance(500)
    assert.deepEqual(await refused, { status: 200, text: '{"outcome":"refused"}' })
    assert.equal(at.claims.length, CLAIMS_AT_ONCE)
    assert.equal((await at.post(BODY)).status, 200)
    assert.equal(at.claims.length, CLAIMS_AT_ONCE + 1)
  })

  test('that is refused is answered late, and nothing more is read from its connection by then', async () => {
    await using at = await listening()
    await at.exhaust()
    using client = await at.connect()
    client.send(RAW_CLAIM)
    await until(() => at.clock.sleeps.length === 1)
    // More than a connection may have waiting: it is ended once that is read.
    client.send(RAW_CLAIM.repeat(1000))
    let isEnded = false
    const ending = client.ending.finally(() => {
      isEnded = true
    })
    for (let others = 0; others < 10; others += 1) await fetch(at.url(CLAIMS_PATH))
    assert.ok(!isEnded)
    at.clock.advance(500)
    await ending
  })

  test('is hung up on where 64 are being refused already', async () => {
    await using at = await listening()
    await at.exhaust()
    const clients = await Promise.all(Array.from({ length: 64 }, () => at.connect()))
    for (const client of clients) client.send(RAW_CLAIM)
    await until(() => at.clock.sleeps.length === clients.length)
    using late = await at.connect()
    late.send(RAW_CLAIM)
    await late.ending
    assert.equal(late.received.length, 0)
    at.clock.advance(500)
    for (const client of clients) {
      await client.receive('refused')
      client[Symbol.dispose]()
    }
  })

  test('is the only method', async () => {
    await using at = await listening()
    const response = await fetch(at.url(CLAIMS_PATH))
    assert.equal(response.status, 405)
    assert.equal(response.headers.get('allow'), 'POST')
  })
})

describe('a claim in the name of a member', () => {
  for (const [host, address, allowed] of [
    ['10.0.0.1', '10.0.0.1', true],
    ['10.0.0.1', '10.0.0.2', false],
    ['10.0.0.1', '::ffff:10.0.0.1', true],
    ['10.0.0.1', '::ffff:10.0.0.2', false],
    ['fd00::1', 'fd00::1', true],
    ['fd00::1', 'fd00::2', false],
    ['fd00::1', '10.0.0.2', true],
    ['10.0.0.1', 'fd00::1', true],
    ['127.0.0.2', '127.0.0.1', true],
    ['10.0.0.1', '::1', true],
    ['10.0.0.1', '::ffff:127.0.0.1', true],
  ] as const) {
    test(`at ${host} may ${allowed ? '' : 'not '}come from ${address}`, () => {
      const member: Peer = { id: 'claimant', registry: { host, port: 5000 } }
      const members = { peerId: 'self', find: (id: string) => (id === member.id ? member : undefined) }
      assert.equal(mayClaim(members, CLAIM, address), allowed)
    })
  }
})
