import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as fc from 'fast-check'
import { digestOf, isDigest } from '../../oci/digest.ts'
import { parseIngestRef, parseIngestTotal } from './ingest.ts'

const digest = digestOf(Buffer.from('layer'))
const long = digestOf(Buffer.from('layer'), 'sha512')

for (const [text, expected] of [
  [digest, digest],
  [long, long],
  [`${digest}\n`, digest],
  [`k8s.io/1/layer-${digest}`, digest],
  [`k8s.io/12/manifest-${long}`, long],
  [`default/1/layer-name@${digest}`, digest],
  [`${digest}/more`, undefined],
  [digest.slice(0, -1), undefined],
  [`${digest}0`, undefined],
  [digest.toUpperCase(), undefined],
  ['', undefined],
] as const) {
  test(`the ref ${JSON.stringify(text.slice(0, 40))} (${text.length} characters) is of ${expected === undefined ? 'nothing' : 'its digest'}`, () => {
    assert.equal(parseIngestRef(text), expected)
  })
}

for (const [text, expected] of [
  ['0', 0],
  ['123\n', 123],
  ['9007199254740991', Number.MAX_SAFE_INTEGER],
  ['9007199254740993', undefined],
  ['', undefined],
  ['-1', undefined],
  ['1.5', undefined],
  ['1e3', undefined],
  ['12 34', undefined],
] as const) {
  test(`the total ${JSON.stringify(text)} is ${expected ?? 'none'}`, () =>
    assert.equal(parseIngestTotal(text), expected))
}

test('any ref yields a digest it ends in, or none', () => {
  fc.assert(
    fc.property(
      fc.string(),
      fc.constantFrom('', digest, long),
      fc.string({ maxLength: 2 }),
      (before, middle, after) => {
        const found = parseIngestRef(before + middle + after)
        assert.ok(found === undefined || (isDigest(found) && (before + middle + after).trimEnd().endsWith(found)))
      },
    ),
  )
})
