import * as fc from 'fast-check'
import { parseDigest } from '../../src/oci/digest.ts'
import type { DigestReference, TagReference } from '../../src/oci/reference.ts'

export const digests = fc
  .oneof(
    fc.tuple(fc.constant('sha256'), fc.stringMatching(/^[0-9a-f]{64}$/)),
    fc.tuple(fc.constant('sha512'), fc.stringMatching(/^[0-9a-f]{128}$/)),
  )
  .map(([algorithm, hex]) => parseDigest(`${algorithm}:${hex}`))

const hosts = fc.oneof(
  fc.domain(),
  fc.ipV4(),
  fc.ipV6().map(address => `[${address}]`),
  fc.constant('localhost'),
)
const ports = fc.option(fc.integer({ min: 1, max: 65_535 }))
export const registries = fc.tuple(hosts, ports).map(([host, port]) => (port === null ? host : `${host}:${port}`))

export const repositories = fc
  .array(fc.stringMatching(/^[a-z0-9]{1,9}((\.|_|__|-{1,3})[a-z0-9]{1,9}){0,2}$/), { minLength: 1, maxLength: 6 })
  .map(components => components.join('/'))

export const tags = fc.stringMatching(/^[a-zA-Z0-9_][a-zA-Z0-9._-]{0,127}$/)

/** Objects as literals make them, so that deep equality holds. */
const plain = { noNullPrototype: true }

export const tagReferences: fc.Arbitrary<TagReference> = fc.record(
  { kind: fc.constant('tag'), registry: registries, repository: repositories, tag: tags },
  plain,
)

export const digestReferences: fc.Arbitrary<DigestReference> = fc.record(
  { kind: fc.constant('digest'), registry: registries, repository: repositories, digest: digests },
  plain,
)

export const references = fc.oneof(tagReferences, digestReferences)
