import { looksLikeRegistry } from './names.ts'
import { parseReference, type Reference } from './reference.ts'

const DEFAULT_REGISTRY = 'docker.io'
const DEFAULT_NAMESPACE = 'library'
const DEFAULT_TAG = 'latest'

/**
 * Parses an image name as people type it, with Docker's defaults: `busybox` is `docker.io/library/busybox:latest`,
 * `grafana/loki:3` is `docker.io/grafana/loki:3`.
 * @throws {InvalidReferenceError}
 */
export function parseImageName(text: string): Reference {
  const slash = text.indexOf('/')
  const first = text.slice(0, Math.max(slash, 0))
  const named = looksLikeRegistry(first)
  const registry = named && first !== 'index.docker.io' ? first : DEFAULT_REGISTRY
  const rest = named ? text.slice(slash + 1) : text
  const path = registry === DEFAULT_REGISTRY && !rest.includes('/') ? `${DEFAULT_NAMESPACE}/${rest}` : rest
  const tag = /[:@]/.test(path) ? '' : `:${DEFAULT_TAG}`
  return parseReference(`${registry}/${path}${tag}`)
}
