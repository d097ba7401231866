import { isDigest } from './digest.ts'
import { DistributionError } from './distribution-error.ts'
import { quote } from './errors.ts'
import { isRegistry, isRepository, isTag, looksLikeRegistry } from './names.ts'
import type { DigestReference, Reference, Repository } from './reference.ts'

/** What a request to the registry API asks for. */
export type DistributionPath =
  /** `/v2/`: does the registry speak this API? */
  | { readonly kind: 'base' }
  | { readonly kind: 'manifest'; readonly reference: Reference }
  | { readonly kind: 'blob'; readonly reference: DigestReference }

/**
 * Parses the target of a request to the registry API: `/v2/<name>/manifests/<tag|digest>` or `/v2/<name>/blobs/<digest>`.
 * The registry that the content belongs to is `?ns=<registry>` or, for clients that cannot send it, the first segment of
 * the name: `/v2/docker.io/library/busybox/manifests/1.37`. Where `ns` is given it wins.
 * @param path as sent: percent-encoded, without the query
 * @throws {DistributionError} for everything else, with the code and status to answer with
 * @see https://github.com/opencontainers/distribution-spec/blob/main/spec.md#endpoints
 */
export function parseDistributionPath(path: string, query: URLSearchParams): DistributionPath {
  if (path === '/v2' || path === '/v2/') return { kind: 'base' }
  const segments = path.split('/').map(decodeSegment)
  const [root, version, ...name] = segments
  const last = name.pop()
  const endpoint = name.pop()
  if (root !== '' || version !== 'v2' || last === undefined || (endpoint !== 'manifests' && endpoint !== 'blobs')) {
    const message = 'this mirror serves /v2/<name>/manifests/<tag or digest> and /v2/<name>/blobs/<digest> only'
    throw new DistributionError('UNSUPPORTED', message)
  }
  const repository = parseRepository(name, query.getAll('ns'))
  if (isDigest(last)) {
    return {
      kind: endpoint === 'blobs' ? 'blob' : 'manifest',
      reference: { kind: 'digest', ...repository, digest: last },
    }
  }
  if (endpoint === 'blobs' || last.includes(':')) {
    throw new DistributionError('DIGEST_INVALID', `want sha256:<64 hex> or sha512:<128 hex>, got ${quote(last)}`)
  }
  // No registry can hold an impossible tag: it is unknown like any other, as the specification's conformance tests ask.
  if (!isTag(last)) throw new DistributionError('MANIFEST_UNKNOWN', `no manifest can have the tag ${quote(last)}`)
  return { kind: 'manifest', reference: { kind: 'tag', ...repository, tag: last } }
}

/** The path and query that ask a mirror for `path`; {@link parseDistributionPath} reads them back. */
export function formatDistributionPath(path: DistributionPath): string {
  if (path.kind === 'base') return '/v2/'
  const { reference } = path
  const last = reference.kind === 'tag' ? reference.tag : reference.digest
  const endpoint = path.kind === 'blob' ? 'blobs' : 'manifests'
  return `/v2/${reference.repository}/${endpoint}/${last}?ns=${encodeURIComponent(reference.registry)}`
}

/** A slash that comes out of the encoding would make another path of it. */
function decodeSegment(encoded: string): string {
  let segment
  try {
    segment = decodeURIComponent(encoded)
  } catch (cause) {
    throw new DistributionError('NAME_INVALID', `malformed percent-encoding in ${quote(encoded)}`, { cause })
  }
  if (segment.includes('/')) throw new DistributionError('NAME_INVALID', `encoded slash in ${quote(encoded)}`)
  return segment
}

function parseRepository(name: readonly string[], namespaces: readonly string[]): Repository {
  if (namespaces.length > 1) throw new DistributionError('NAME_INVALID', 'the ns parameter is given more than once')
  const [namespace = ''] = namespaces
  const [first = '', ...others] = name
  if (namespace === '' && !looksLikeRegistry(first)) {
    const message = `no registry is named: add ?ns=<registry>, or put the registry before ${quote(name.join('/'))}`
    throw new DistributionError('NAME_UNKNOWN', message)
  }
  const registry = namespace === '' ? first : namespace
  const repository = (namespace === '' ? others : name).join('/')
  if (!isRegistry(registry)) throw new DistributionError('NAME_INVALID', `invalid registry ${quote(registry)}`)
  if (!isRepository(repository)) throw new DistributionError('NAME_INVALID', `invalid repository ${quote(repository)}`)
  return { registry, repository }
}
