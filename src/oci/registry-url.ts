import { InvalidRegistryUrlError } from './errors.ts'
import { isRegistry } from './names.ts'

/** Where a registry is reached. */
export interface RegistryUrl {
  readonly scheme: 'http' | 'https'
  /** Host with an optional port, as images name it. */
  readonly registry: string
}

const DOCKER_HUB = { registry: 'docker.io', host: 'registry-1.docker.io' }

const PATTERN = /^(?<scheme>https?):\/\/(?<registry>.*)$/i

/** Whether an entry of `--mirrored-registries` means every registry. */
export function isWildcardRegistry(text: string): boolean {
  return text === '_default' || text === '*'
}

/**
 * Parses the URL of a registry, such as `https://docker.io` or `http://localhost:5000`. The port is kept as written, also
 * the scheme's own one, because image names are compared with it.
 * @throws {InvalidRegistryUrlError}
 */
export function parseRegistryUrl(text: string): RegistryUrl {
  const { scheme, registry } = PATTERN.exec(text)?.groups ?? {}
  if (scheme === undefined || registry === undefined || !isRegistry(registry)) throw new InvalidRegistryUrlError(text)
  return { scheme: scheme.toLowerCase() === 'http' ? 'http' : 'https', registry }
}

/** The host, with an optional port, at which `registry` answers. Docker Hub does so at another than its name. */
export function registryHost(registry: string): string {
  return registry === DOCKER_HUB.registry ? DOCKER_HUB.host : registry
}
