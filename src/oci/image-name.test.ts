import assert from 'node:assert/strict'
import test from 'node:test'
import * as fc from 'fast-check'
import { hostileText } from '../../test/arbitraries/hostile-text.ts'
import { references } from '../../test/arbitraries/references.ts'
import { digestOf } from './digest.ts'
import { InvalidReferenceError } from './errors.ts'
import { parseImageName } from './image-name.ts'
import { formatReference } from './reference.ts'

const digest = digestOf(Buffer.from('manifest'))

const accepted = [
  ['busybox', 'docker.io/library/busybox:latest'],
  ['busybox:1.37', 'docker.io/library/busybox:1.37'],
  [`busybox@${digest}`, `docker.io/library/busybox@${digest}`],
  [`busybox:1.37@${digest}`, `docker.io/library/busybox@${digest}`],
  ['grafana/loki', 'docker.io/grafana/loki:latest'],
  ['a/b/c:1', 'docker.io/a/b/c:1'],
  ['docker.io/busybox', 'docker.io/library/busybox:latest'],
  ['index.docker.io/busybox', 'docker.io/library/busybox:latest'],
  ['index.docker.io/grafana/loki:3', 'docker.io/grafana/loki:3'],
  ['ghcr.io/app', 'ghcr.io/app:latest'],
  ['localhost/app', 'localhost/app:latest'],
  ['localhost:5000/app', 'localhost:5000/app:latest'],
  ['[::1]:5000/app:1', '[::1]:5000/app:1'],
] as const

for (const [text, full] of accepted) {
  test(`${text} means ${full}`, () => assert.equal(formatReference(parseImageName(text)), full))
}

for (const text of [
  '',
  ':',
  '/',
  '@',
  'Busybox',
  'busybox:',
  'busybox@sha256:0',
  'https://ghcr.io/app',
  'ghcr.io/',
  'a b',
]) {
  test(`${JSON.stringify(text)} names no image`, () => {
    assert.throws(() => parseImageName(text), InvalidReferenceError)
  })
}

test('a full reference means itself', () => {
  const full = references.filter(({ registry, repository }) => registry !== 'docker.io' || repository.includes('/'))
  fc.assert(
    fc.property(full, reference => {
      assert.deepEqual(parseImageName(formatReference(reference)), reference)
    }),
  )
})

test('any text names an image or is an InvalidReferenceError', () => {
  fc.assert(
    fc.property(hostileText, text => {
      try {
        parseImageName(text)
      } catch (error) {
        assert.ok(error instanceof InvalidReferenceError)
      }
    }),
  )
})
