import assert from 'node:assert/strict'
import test from 'node:test'
import * as fc from 'fast-check'
import { hostileText } from '../../test/arbitraries/hostile-text.ts'
import { digestReferences, references } from '../../test/arbitraries/references.ts'
import { digestOf } from './digest.ts'
import { DistributionError } from './distribution-error.ts'
import { type DistributionPath, formatDistributionPath, parseDistributionPath } from './distribution-path.ts'

const digest = digestOf(Buffer.from('content'))
const busybox = { registry: 'docker.io', repository: 'library/busybox' }

/** Splits a request target at its first question mark, as a server does. */
function parseTarget(target: string): DistributionPath {
  const [path = '', ...query] = target.split('?')
  return parseDistributionPath(path, new URLSearchParams(query.join('?')))
}

const accepted = [
  ['/v2', { kind: 'base' }],
  ['/v2/', { kind: 'base' }],
  ['/v2/?ns=docker.io', { kind: 'base' }],
  [
    '/v2/library/busybox/manifests/1.37?ns=docker.io',
    { kind: 'manifest', reference: { kind: 'tag', ...busybox, tag: '1.37' } },
  ],
  [
    `/v2/library/busybox/manifests/${digest}?ns=docker.io`,
    { kind: 'manifest', reference: { kind: 'digest', ...busybox, digest } },
  ],
  [
    `/v2/library/busybox/blobs/${digest}?ns=docker.io`,
    { kind: 'blob', reference: { kind: 'digest', ...busybox, digest } },
  ],
  [
    '/v2/docker.io/library/busybox/manifests/1.37',
    { kind: 'manifest', reference: { kind: 'tag', ...busybox, tag: '1.37' } },
  ],
  [
    `/v2/docker.io/library/busybox/blobs/${digest}`,
    { kind: 'blob', reference: { kind: 'digest', ...busybox, digest } },
  ],
  // An empty ns is what a Go peer sends that knows of no registry.
  [
    '/v2/docker.io/library/busybox/manifests/1.37?ns=',
    { kind: 'manifest', reference: { kind: 'tag', ...busybox, tag: '1.37' } },
  ],
  // Where ns is given it wins: the first segment, dot or not, belongs to the repository.
  [
    '/v2/docker.io/a/manifests/b?ns=ghcr.io',
    { kind: 'manifest', reference: { kind: 'tag', registry: 'ghcr.io', repository: 'docker.io/a', tag: 'b' } },
  ],
  [
    '/v2/a/manifests/b?ns=localhost%3A5000',
    { kind: 'manifest', reference: { kind: 'tag', registry: 'localhost:5000', repository: 'a', tag: 'b' } },
  ],
  [
    '/v2/a/manifests/b?ns=%5B%3A%3A1%5D%3A5000',
    { kind: 'manifest', reference: { kind: 'tag', registry: '[::1]:5000', repository: 'a', tag: 'b' } },
  ],
  [
    '/v2/localhost/a/manifests/b',
    { kind: 'manifest', reference: { kind: 'tag', registry: 'localhost', repository: 'a', tag: 'b' } },
  ],
  [
    '/v2/localhost:5000/a/manifests/b',
    { kind: 'manifest', reference: { kind: 'tag', registry: 'localhost:5000', repository: 'a', tag: 'b' } },
  ],
  [
    '/v2/localhost%3A5000/a/manifests/b',
    { kind: 'manifest', reference: { kind: 'tag', registry: 'localhost:5000', repository: 'a', tag: 'b' } },
  ],
  [
    `/v2/a/blobs/${encodeURIComponent(digest)}?ns=x.io`,
    { kind: 'blob', reference: { kind: 'digest', registry: 'x.io', repository: 'a', digest } },
  ],
  // Repositories may be called like the endpoints.
  [
    '/v2/x.io/blobs/manifests/manifests/latest',
    { kind: 'manifest', reference: { kind: 'tag', registry: 'x.io', repository: 'blobs/manifests', tag: 'latest' } },
  ],
  [
    '/v2/a/manifests/b?ns=x.io&other=1',
    { kind: 'manifest', reference: { kind: 'tag', registry: 'x.io', repository: 'a', tag: 'b' } },
  ],
] as const

for (const [target, path] of accepted) {
  test(`${target} is a distribution path`, () => assert.deepEqual(parseTarget(target), path))
}

const rejected = [
  ['/v2/library/busybox/manifests/1.37', 'NAME_UNKNOWN', 404, /no registry is named: add \?ns=/],
  [`/v2/library/busybox/blobs/${digest}?ns=`, 'NAME_UNKNOWN', 404, /no registry is named/],
  ['/v2/manifests/latest', 'NAME_UNKNOWN', 404, /no registry is named/],
  ['/v2/docker.io/manifests/latest', 'NAME_INVALID', 400, /invalid repository/],
  ['/v2/manifests/latest?ns=docker.io', 'NAME_INVALID', 400, /invalid repository/],
  ['/v2/a/manifests/b?ns=x.io&ns=x.io', 'NAME_INVALID', 400, /more than once/],
  ['/v2/a/manifests/b?ns=harbor', 'NAME_INVALID', 400, /invalid registry/],
  ['/v2/a/manifests/b?ns=x.io/y', 'NAME_INVALID', 400, /invalid registry/],
  ['/v2/a/manifests/b?ns=https%3A%2F%2Fx.io', 'NAME_INVALID', 400, /invalid registry/],
  ['/v2/a/manifests/b?ns=x.io%00', 'NAME_INVALID', 400, /invalid registry/],
  ['/v2/a/manifests/b?ns=x.io%0d%0aX-Header:1', 'NAME_INVALID', 400, /invalid registry/],
  [`/v2/a/manifests/b?ns=${'x.'.repeat(5_120)}io`, 'NAME_INVALID', 400, /invalid registry/],
  ['/v2/x.io/../a/manifests/b', 'NAME_INVALID', 400, /invalid repository/],
  ['/v2/x.io/%2e%2e/a/manifests/b', 'NAME_INVALID', 400, /invalid repository/],
  ['/v2/../x.io/a/manifests/b', 'NAME_INVALID', 400, /invalid registry/],
  ['/v2/x.io/a%2fb/manifests/c', 'NAME_INVALID', 400, /encoded slash/],
  ['/v2/x.io%2Fa/manifests/c', 'NAME_INVALID', 400, /encoded slash/],
  ['/v2/x.io/a/manifests%2fc', 'NAME_INVALID', 400, /encoded slash/],
  ['/v2/x.io/a%zz/manifests/b', 'NAME_INVALID', 400, /malformed percent-encoding/],
  ['/v2/x.io/a/manifests/%', 'NAME_INVALID', 400, /malformed percent-encoding/],
  ['/v2/x.io/a/manifests/%ff', 'NAME_INVALID', 400, /malformed percent-encoding/],
  ['/v2/x.io/a%00/manifests/b', 'NAME_INVALID', 400, /invalid repository/],
  ['/v2/x.io//a/manifests/b', 'NAME_INVALID', 400, /invalid repository/],
  ['/v2//a/manifests/b?ns=x.io', 'NAME_INVALID', 400, /invalid repository/],
  ['/v2/x.io/A/manifests/b', 'NAME_INVALID', 400, /invalid repository/],
  [`/v2/x.io/${'a'.repeat(10_240)}/manifests/b`, 'NAME_INVALID', 400, /invalid repository/],
  ['/v2/x.io/a/manifests/', 'MANIFEST_UNKNOWN', 404, /no manifest can have the tag ""/],
  // The tag that the conformance tests ask for.
  ['/v2/x.io/a/manifests/.INVALID_MANIFEST_NAME', 'MANIFEST_UNKNOWN', 404, /no manifest can have the tag/],
  [`/v2/x.io/a/manifests/${'a'.repeat(129)}`, 'MANIFEST_UNKNOWN', 404, /no manifest can have the tag/],
  ['/v2/x.io/a/manifests/b%00', 'MANIFEST_UNKNOWN', 404, /no manifest can have the tag/],
  ['/v2/x.io/a/manifests/sha256:totallywrong', 'DIGEST_INVALID', 400, /got "sha256:totallywrong"/],
  [`/v2/x.io/a/manifests/sha1:${'0'.repeat(40)}`, 'DIGEST_INVALID', 400, /want sha256/],
  [`/v2/x.io/a/blobs/md5:${'0'.repeat(32)}`, 'DIGEST_INVALID', 400, /want sha256/],
  ['/v2/x.io/a/blobs/latest', 'DIGEST_INVALID', 400, /got "latest"/],
  ['/v2/x.io/a/blobs/', 'DIGEST_INVALID', 400, /got ""/],
  [`/v2/x.io/a/blobs/${digest}0`, 'DIGEST_INVALID', 400, /want sha256/],
  ['/v2/x.io/a/blobs/uploads/', 'UNSUPPORTED', 404, /this mirror serves/],
  ['/v2/x.io/a/blobs/uploads/6b3c9a93', 'UNSUPPORTED', 404, /this mirror serves/],
  ['/v2/x.io/a/tags/list', 'UNSUPPORTED', 404, /this mirror serves/],
  [`/v2/x.io/a/referrers/${digest}`, 'UNSUPPORTED', 404, /this mirror serves/],
  ['/v2/_catalog', 'UNSUPPORTED', 404, /this mirror serves/],
  ['/v2//', 'UNSUPPORTED', 404, /this mirror serves/],
  ['/v2/blobs', 'UNSUPPORTED', 404, /this mirror serves/],
  ['/v1/x.io/a/manifests/b', 'UNSUPPORTED', 404, /this mirror serves/],
  ['/v2x/x.io/a/manifests/b', 'UNSUPPORTED', 404, /this mirror serves/],
  ['x/v2/x.io/a/manifests/b', 'UNSUPPORTED', 404, /this mirror serves/],
  ['v2/x.io/a/manifests/b', 'UNSUPPORTED', 404, /this mirror serves/],
  ['', 'UNSUPPORTED', 404, /this mirror serves/],
] as const

for (const [target, code, status, message] of rejected) {
  test(`${JSON.stringify(target.slice(0, 80))} is answered ${status} ${code}`, () => {
    assert.throws(
      () => parseTarget(target),
      error => {
        assert.ok(error instanceof DistributionError)
        assert.equal(error.code, code)
        assert.equal(error.status, status)
        assert.match(error.message, message)
        return error.message.length < 400
      },
    )
  })
}

test('a formatted distribution path parses to itself', () => {
  const paths = fc.oneof(
    fc.constant<DistributionPath>({ kind: 'base' }),
    references.map((reference): DistributionPath => ({ kind: 'manifest', reference })),
    digestReferences.map((reference): DistributionPath => ({ kind: 'blob', reference })),
  )
  fc.assert(
    fc.property(paths, path => {
      assert.deepEqual(parseTarget(formatDistributionPath(path)), path)
    }),
  )
})

test('the registry may lead the name instead of following as ns', () => {
  fc.assert(
    fc.property(references, reference => {
      const [path = '', query] = formatDistributionPath({ kind: 'manifest', reference }).split('?')
      const led = path.replace('/v2/', `/v2/${reference.registry}/`)
      assert.deepEqual(parseTarget(led), parseTarget(`${path}?${query}`))
    }),
  )
})

test('any target is a distribution path or a DistributionError that containerd takes for a miss', () => {
  const targets = fc.oneof(
    hostileText,
    fc.tuple(hostileText, hostileText).map(([name, last]) => `/v2/${name}/manifests/${last}`),
    fc.tuple(hostileText, hostileText).map(([name, ns]) => `/v2/${name}/blobs/${digest}?ns=${ns}`),
  )
  fc.assert(
    fc.property(targets, target => {
      try {
        const path = parseTarget(target)
        assert.deepEqual(parseTarget(formatDistributionPath(path)), path)
      } catch (error) {
        assert.ok(error instanceof DistributionError)
        assert.ok(error.status === 400 || error.status === 404)
      }
    }),
  )
})
