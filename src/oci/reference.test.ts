import assert from 'node:assert/strict'
import test from 'node:test'
import * as fc from 'fast-check'
import { hostileText } from '../../test/arbitraries/hostile-text.ts'
import { digestReferences, references, tagReferences } from '../../test/arbitraries/references.ts'
import { digestOf } from './digest.ts'
import { InvalidReferenceError } from './errors.ts'
import { formatReference, parseReference, routingKey } from './reference.ts'

const digest = digestOf(Buffer.from('manifest'))

const accepted = [
  [
    'docker.io/library/busybox:1.37',
    { kind: 'tag', registry: 'docker.io', repository: 'library/busybox', tag: '1.37' },
  ],
  [`ghcr.io/a/b@${digest}`, { kind: 'digest', registry: 'ghcr.io', repository: 'a/b', digest }],
  [`ghcr.io/a/b:v1@${digest}`, { kind: 'digest', registry: 'ghcr.io', repository: 'a/b', digest }],
  ['localhost:5000/a:b', { kind: 'tag', registry: 'localhost:5000', repository: 'a', tag: 'b' }],
  ['localhost/a:b', { kind: 'tag', registry: 'localhost', repository: 'a', tag: 'b' }],
  ['[::1]:5000/a:b', { kind: 'tag', registry: '[::1]:5000', repository: 'a', tag: 'b' }],
] as const

for (const [text, reference] of accepted) {
  test(`${text} is a reference`, () => assert.deepEqual(parseReference(text), reference))
}

const rejected = [
  ['', /want registry\/repository/],
  ['busybox', /want registry\/repository/],
  ['busybox:1.37', /want registry\/repository/],
  ['library/busybox:1.37', /want a registry host/],
  ['https://docker.io/library/busybox:1.37', /want a registry host/],
  ['/library/busybox:1.37', /want a registry host/],
  ['docker.io/:1.37', /want a repository/],
  ['docker.io/library/Busybox:1.37', /want a repository/],
  ['docker.io/../busybox:1.37', /want a repository/],
  ['docker.io/library/busybox', /want a tag or a digest/],
  ['docker.io/library/busybox:', /want a tag of/],
  ['docker.io/library/busybox:1:2', /want a tag of/],
  [`docker.io/library/busybox:-@${digest}`, /want a tag of/],
  ['docker.io/library/busybox:1.37\n', /want a tag of/],
  ['docker.io/library/busybox@', /want a digest/],
  ['docker.io/library/busybox@sha1:00', /want a digest/],
  [`docker.io/library/busybox@${digest.toUpperCase()}`, /want a digest/],
  [`docker.io/library/busybox@${digest}@${digest}`, /want registry\/repository/],
  [`docker.io/${'a'.repeat(10_240)}:1`, /want a repository/],
] as const

for (const [text, message] of rejected) {
  test(`${JSON.stringify(text.slice(0, 80))} is no reference`, () => {
    assert.throws(
      () => parseReference(text),
      error => error instanceof InvalidReferenceError && message.test(error.message) && error.message.length < 400,
    )
  })
}

test('a formatted reference parses to itself', () => {
  fc.assert(
    fc.property(references, reference => {
      assert.deepEqual(parseReference(formatReference(reference)), reference)
    }),
  )
})

test('any text is a reference or an InvalidReferenceError', () => {
  fc.assert(
    fc.property(hostileText, text => {
      try {
        const reference = parseReference(text)
        if (reference.kind === 'tag') assert.equal(formatReference(reference), text)
      } catch (error) {
        assert.ok(error instanceof InvalidReferenceError)
      }
    }),
  )
})

test('a digest is looked up by itself, a tag by its whole name', () => {
  fc.assert(
    fc.property(digestReferences, tagReferences, (byDigest, byTag) => {
      assert.equal(routingKey(byDigest), byDigest.digest)
      assert.equal(routingKey(byTag), formatReference(byTag))
    }),
  )
})
