import { isIPv6 } from 'node:net'

/** A DNS name is at most 253 characters; a colon and five digits of port may follow. */
const MAX_REGISTRY_CHARACTERS = 259
const MAX_REPOSITORY_CHARACTERS = 255
const MAX_PORT = 65_535

const HOST_AND_PORT = /^(?<host>\[[0-9a-fA-F:.]+\]|[a-zA-Z0-9.-]+)(?::(?<port>[0-9]{1,5}))?$/
const DNS_LABEL = /^[a-zA-Z0-9](?:[a-zA-Z0-9-]{0,61}[a-zA-Z0-9])?$/
/** Each separator stands between two runs of other characters, so there is one way to match: no backtracking. */
const REPOSITORY = /^[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*(?:\/[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*)*$/
const TAG = /^[a-zA-Z0-9_][a-zA-Z0-9._-]{0,127}$/

/**
 * Whether `text`, the first part of an image name, is meant as a registry rather than as the start of a repository. It
 * need not be a valid one. Docker tells them apart the same way.
 */
export function looksLikeRegistry(text: string): boolean {
  return text.includes('.') || text.includes(':') || text === 'localhost'
}

/**
 * Whether `text` is a registry: a DNS name, IPv4 address or IPv6 address in brackets, with an optional port. As in every
 * full image name, a name without a dot or a port is none, `localhost` excepted.
 */
export function isRegistry(text: string): boolean {
  if (text.length > MAX_REGISTRY_CHARACTERS || !looksLikeRegistry(text)) return false
  const { host, port } = HOST_AND_PORT.exec(text)?.groups ?? {}
  if (host === undefined) return false
  if (port !== undefined && (Number(port) < 1 || Number(port) > MAX_PORT)) return false
  return host.startsWith('[') ? isIPv6(host.slice(1, -1)) : host.split('.').every(label => DNS_LABEL.test(label))
}

/**
 * Whether `text` is a repository: lower-case path components, 255 characters at most.
 * @see https://github.com/opencontainers/distribution-spec/blob/main/spec.md#pulling-manifests
 */
export function isRepository(text: string): boolean {
  return text.length <= MAX_REPOSITORY_CHARACTERS && REPOSITORY.test(text)
}

/**
 * Whether `text` is a tag: 128 characters at most.
 * @see https://github.com/opencontainers/distribution-spec/blob/main/spec.md#pulling-manifests
 */
export function isTag(text: string): boolean {
  return TAG.test(text)
}
