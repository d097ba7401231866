import assert from 'node:assert/strict'
import test from 'node:test'
import * as fc from 'fast-check'
import { hostileText } from '../../test/arbitraries/hostile-text.ts'
import { digests } from '../../test/arbitraries/references.ts'
import {
  digestAlgorithm,
  digestHex,
  digestOf,
  finishDigest,
  isDigest,
  matchesDigest,
  parseDigest,
  startDigest,
} from './digest.ts'
import { InvalidDigestError } from './errors.ts'

const EMPTY_SHA256 = 'sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855'

const rejected = [
  ['nothing', ''],
  ['hex without an algorithm', EMPTY_SHA256.slice(7)],
  ['an unknown algorithm', `sha1:${'0'.repeat(40)}`],
  ['an algorithm in upper case', EMPTY_SHA256.replace('sha', 'SHA')],
  ['hex in upper case', `sha256:${'A'.repeat(64)}`],
  ['hex that is one short', EMPTY_SHA256.slice(0, -1)],
  ['hex that is one long', `${EMPTY_SHA256}0`],
  ['sha512 with the length of sha256', EMPTY_SHA256.replace('256', '512')],
  ['a line break at the end', `${EMPTY_SHA256}\n`],
  ['a path', `sha256:../../${'0'.repeat(58)}`],
] as const

for (const [what, text] of rejected) {
  test(`a digest is not ${what}`, () => {
    assert.equal(isDigest(text), false)
    assert.throws(() => parseDigest(text), InvalidDigestError)
  })
}

test('a digest splits into its algorithm and its hex', () => {
  fc.assert(
    fc.property(digests, digest => {
      assert.equal(`${digestAlgorithm(digest)}:${digestHex(digest)}`, parseDigest(digest))
    }),
  )
})

test('any text is a digest or an InvalidDigestError', () => {
  fc.assert(
    fc.property(hostileText, text => {
      try {
        assert.equal(parseDigest(text), text)
      } catch (error) {
        assert.ok(error instanceof InvalidDigestError)
        assert.ok(error.message.length < 1500)
      }
    }),
  )
})

test('content matches the digest of itself only', () => {
  const content = Buffer.from('content')
  for (const algorithm of ['sha256', 'sha512'] as const) {
    const digest = digestOf(content, algorithm)
    assert.equal(digestAlgorithm(digest), algorithm)
    assert.equal(matchesDigest(content, digest), true)
    assert.equal(matchesDigest(Buffer.from('Content'), digest), false)
  }
  assert.equal(digestOf(Buffer.alloc(0)), EMPTY_SHA256)
})

test('a running hash of the pieces is the digest of the whole', () => {
  fc.assert(
    fc.property(
      fc.array(fc.uint8Array()),
      fc.constantFrom('sha256' as const, 'sha512' as const),
      (pieces, algorithm) => {
        const whole = digestOf(Buffer.concat(pieces), algorithm)
        const hash = startDigest(whole)
        for (const piece of pieces) hash.update(piece)
        assert.equal(finishDigest(hash, algorithm), whole)
      },
    ),
  )
})
