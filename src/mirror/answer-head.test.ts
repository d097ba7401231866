import assert from 'node:assert/strict'
import type { IncomingHttpHeaders } from 'node:http'
import { describe, test } from 'node:test'
import type { PeerResponse } from '../http/peer-client.ts'
import { digestOf } from '../oci/digest.ts'
import { MAX_MANIFEST_BYTES, OCI_MANIFEST } from '../oci/media-type.ts'
import type { Reference } from '../oci/reference.ts'
import { checkBlob, checkManifest, checkRest } from './answer-head.ts'
import { PeerMismatchError, PeerStatusError } from './errors.ts'

const digest = digestOf(Buffer.from('layer'))
const other = digestOf(Buffer.from('other'))
const repository = { registry: 'docker.io', repository: 'library/busybox' }
const byTag: Reference = { kind: 'tag', ...repository, tag: '1.37' }
const byDigest: Reference = { kind: 'digest', ...repository, digest }

function answer(status: number, headers: IncomingHttpHeaders): PeerResponse {
  return { status, headers, body: { read: async () => undefined, destroy: () => {} } }
}

const checkWhole = (response: PeerResponse) => checkBlob(response, { digest, range: undefined })
const checkPart = (response: PeerResponse) => checkBlob(response, { digest, range: 'bytes=2-' })
const checkMiddle = (response: PeerResponse) => checkRest(response, { digest, rest: { start: 2, end: 5, total: 9 } })

type Bad = readonly (readonly [
  string,
  number,
  IncomingHttpHeaders,
  typeof PeerMismatchError | typeof PeerStatusError,
])[]

function rejectsAll(bad: Bad, check: (response: PeerResponse) => unknown): void {
  for (const [what, status, headers, error] of bad) {
    test(`refuses ${what}`, () => {
      assert.throws(() => check(answer(status, headers)), error)
    })
  }
}

describe('checkBlob without a range', () => {
  test('takes the size from Content-Length', () => {
    const body = { kind: 'body', span: { start: 0, end: 5, total: 5 } }
    assert.deepEqual(checkWhole(answer(200, { 'content-length': '5' })), body)
    assert.deepEqual(checkWhole(answer(200, { 'content-length': '5', 'docker-content-digest': digest })), body)
  })

  rejectsAll(
    [
      ['404', 404, { 'content-length': '5' }, PeerStatusError],
      ['206', 206, { 'content-length': '5', 'content-range': 'bytes 0-4/5' }, PeerStatusError],
      ['no Content-Length', 200, {}, PeerMismatchError],
      ['a negative Content-Length', 200, { 'content-length': '-5' }, PeerMismatchError],
      ['an absurd Content-Length', 200, { 'content-length': '9'.repeat(16) }, PeerMismatchError],
      ['another digest', 200, { 'content-length': '5', 'docker-content-digest': other }, PeerMismatchError],
      ['an invalid digest', 200, { 'content-length': '5', 'docker-content-digest': 'sha256:5' }, PeerMismatchError],
      ['two digests', 200, { 'content-length': '5', 'docker-content-digest': [digest, digest] }, PeerMismatchError],
      ['a content encoding', 200, { 'content-length': '5', 'content-encoding': 'gzip' }, PeerMismatchError],
    ],
    checkWhole,
  )
})

describe('checkBlob with a range', () => {
  test('takes the size from Content-Range', () => {
    assert.deepEqual(checkPart(answer(206, { 'content-length': '3', 'content-range': 'bytes 2-4/5' })), {
      kind: 'body',
      span: { start: 2, end: 5, total: 5 },
    })
  })

  test('believes that the range is unsatisfiable where it is', () => {
    assert.deepEqual(checkPart(answer(416, { 'content-range': 'bytes */2' })), { kind: 'unsatisfiable', total: 2 })
  })

  rejectsAll(
    [
      ['416 for a range that is good', 416, { 'content-range': 'bytes */3' }, PeerMismatchError],
      ['416 without a size', 416, {}, PeerMismatchError],
      ['200', 200, { 'content-length': '5' }, PeerStatusError],
      ['no Content-Range', 206, { 'content-length': '3' }, PeerMismatchError],
      ['an unknown size', 206, { 'content-length': '3', 'content-range': 'bytes 2-4/*' }, PeerMismatchError],
      ['a later start', 206, { 'content-length': '2', 'content-range': 'bytes 3-4/5' }, PeerMismatchError],
      ['an earlier end', 206, { 'content-length': '2', 'content-range': 'bytes 2-3/5' }, PeerMismatchError],
      ['an end past the size', 206, { 'content-length': '4', 'content-range': 'bytes 2-5/5' }, PeerMismatchError],
      ['an end before the start', 206, { 'content-length': '0', 'content-range': 'bytes 2-1/5' }, PeerMismatchError],
      ['a wrong Content-Length', 206, { 'content-length': '4', 'content-range': 'bytes 2-4/5' }, PeerMismatchError],
      [
        'another digest',
        206,
        { 'content-length': '3', 'content-range': 'bytes 2-4/5', 'docker-content-digest': other },
        PeerMismatchError,
      ],
    ],
    checkPart,
  )
})

describe('checkRest', () => {
  test('accepts exactly the range asked for', () => {
    checkMiddle(answer(206, { 'content-length': '3', 'content-range': 'bytes 2-4/9' }))
  })

  rejectsAll(
    [
      ['another size', 206, { 'content-length': '3', 'content-range': 'bytes 2-4/8' }, PeerMismatchError],
      ['another start', 206, { 'content-length': '4', 'content-range': 'bytes 1-4/9' }, PeerMismatchError],
      ['another end', 206, { 'content-length': '4', 'content-range': 'bytes 2-5/9' }, PeerMismatchError],
      ['the whole blob', 200, { 'content-length': '9' }, PeerStatusError],
    ],
    checkMiddle,
  )
})

describe('checkManifest', () => {
  const good = { 'content-length': '7', 'content-type': OCI_MANIFEST, 'docker-content-digest': digest }
  const { 'docker-content-digest': _, ...withoutDigest } = good

  for (const [what, reference, headers] of [
    ['with a digest for a tag', byTag, good],
    ['with the digest asked for', byDigest, good],
    ['without a digest where it was asked for by digest', byDigest, withoutDigest],
  ] as const) {
    test(`accepts an answer ${what}`, () => {
      const head = checkManifest(answer(200, headers), reference)
      assert.deepEqual(head, { digest, mediaType: OCI_MANIFEST, size: 7 })
    })
  }

  rejectsAll(
    [
      ['another digest', 200, { ...good, 'docker-content-digest': other }, PeerMismatchError],
      ['404', 404, good, PeerStatusError],
    ],
    response => checkManifest(response, byDigest),
  )
  rejectsAll(
    [
      ['no digest for a tag', 200, withoutDigest, PeerMismatchError],
      ['no media type', 200, { ...good, 'content-type': undefined }, PeerMismatchError],
      ['a media type that is none', 200, { ...good, 'content-type': '\u0000' }, PeerMismatchError],
      ['no size', 200, { ...good, 'content-length': undefined }, PeerMismatchError],
      ['4 MiB and a byte', 200, { ...good, 'content-length': String(MAX_MANIFEST_BYTES + 1) }, PeerMismatchError],
    ],
    response => checkManifest(response, byTag),
  )
})
