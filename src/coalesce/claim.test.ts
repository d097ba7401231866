import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as fc from 'fast-check'
import { digestOf } from '../oci/digest.ts'
import {
  type Claim,
  type ClaimAnswer,
  encodeAnswer,
  encodeClaim,
  MAX_CLAIM_BYTES,
  MAX_NAMED_PEERS,
  parseAnswer,
  parseClaim,
} from './claim.ts'
import { InvalidClaimError } from './errors.ts'

const ID = '12D3KooWPeer'
const CLAIM: Claim = {
  node: ID,
  digest: digestOf(Buffer.from('layer')),
  offset: 0,
  lost: [],
  stalled: [],
  behind: [],
  redirected: false,
}

const PLAIN = { noNullPrototype: true } as const
const peerId = fc.string({ minLength: 1, maxLength: 128 })
const peerIds = fc.array(fc.string({ minLength: 1, maxLength: 60 }), { maxLength: MAX_NAMED_PEERS })
const claim: fc.Arbitrary<Claim> = fc.record(
  {
    node: peerId,
    digest: fc.string().map(text => digestOf(Buffer.from(text))),
    offset: fc.maxSafeNat(),
    lost: peerIds,
    stalled: peerIds,
    behind: peerIds,
    redirected: fc.boolean(),
    hedged: fc.constant(true),
  },
  { ...PLAIN, requiredKeys: ['node', 'digest', 'offset', 'lost', 'stalled', 'behind', 'redirected'] },
)
const answer: fc.Arbitrary<ClaimAnswer> = fc.oneof(
  fc.constant({ outcome: 'granted' } as const),
  fc.constant({ outcome: 'refused' } as const),
  fc.constant({ outcome: 'wait' } as const),
  fc.record({ outcome: fc.constant('redirect' as const), to: peerId }, PLAIN),
  fc.record(
    {
      outcome: fc.constant('follow' as const),
      parents: fc.array(peerId, { minLength: 1, maxLength: MAX_NAMED_PEERS }),
      depth: fc.integer({ min: 1, max: 10_000 }),
    },
    PLAIN,
  ),
)

test('a claim is read as it was written', () => {
  fc.assert(fc.property(claim, value => assert.deepEqual(parseClaim(encodeClaim(value)), value)))
})

test('an answer is read as it was written', () => {
  fc.assert(fc.property(answer, value => assert.deepEqual(parseAnswer(encodeAnswer(value)), value)))
})

for (const [field, value] of [
  ['node', ''],
  ['node', 'x'.repeat(129)],
  ['digest', 'sha256:ab'],
  ['digest', undefined],
  ['offset', -1],
  ['offset', 1.5],
  ['offset', '0'],
  ['lost', 'peer'],
  ['lost', Array.from({ length: MAX_NAMED_PEERS + 1 }, () => ID)],
  ['stalled', [1]],
  ['behind', null],
  ['redirected', 'yes'],
  ['hedged', 1],
] as const) {
  test(`a claim whose ${field} is ${JSON.stringify(value)?.slice(0, 40)} is refused, and the field named`, () => {
    const content = Buffer.from(JSON.stringify({ ...CLAIM, [field]: value }))
    assert.throws(() => parseClaim(content), new RegExp(`invalid claim: ${field}`))
  })
}

for (const [field, value] of [
  ['outcome', { outcome: 'maybe' }],
  ['to', { outcome: 'redirect' }],
  ['parents', { outcome: 'follow', parents: [], depth: 1 }],
  ['depth', { outcome: 'follow', parents: [ID], depth: 0 }],
] as const) {
  test(`an answer ${JSON.stringify(value)} is refused, and the field named`, () => {
    assert.throws(() => parseAnswer(Buffer.from(JSON.stringify(value))), new RegExp(`invalid claim: ${field}`))
  })
}

test('what is no claim is refused, whatever it is', () => {
  fc.assert(
    fc.property(
      fc.oneof(
        fc.uint8Array(),
        fc.json().map(text => Buffer.from(text)),
      ),
      content => {
        assert.throws(() => parseClaim(content), InvalidClaimError)
      },
    ),
  )
  assert.throws(() => parseClaim(Buffer.alloc(MAX_CLAIM_BYTES + 1, ' ')), InvalidClaimError)
})
