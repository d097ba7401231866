import { isIPv6 } from 'node:net'
import { isWildcardRegistry, parseRegistryUrl, type RegistryUrl } from '../../oci/registry-url.ts'
import { choice, type FlagValues, list, toggle } from '../flags/flag.ts'
import { type Kind, oneOf, orUndefined, REGISTRY_URL } from '../flags/kind.ts'
import { UsageError } from '../flags/usage-error.ts'
import { TRUST_FLAGS } from '../trust/trust-flags.ts'
import { CONFIG_PATH_FLAG } from './config-path-flag.ts'

const HOST_AND_PORT = /^(https?:\/\/)([^[\]/]+)(:\d+)$/

/** Kubernetes puts the IPv6 address of a node into a URL as it is; in a URL it needs brackets. */
function withBrackets(text: string): string {
  const [, scheme = '', host = '', port = ''] = HOST_AND_PORT.exec(text) ?? []
  return isIPv6(host) ? `${scheme}[${host}]${port}` : text
}

/** The URL of a mirror. A single label is a host name, though images could not name it. */
const MIRROR_URL: Kind<string> = {
  placeholder: 'URL',
  accepts: 'the URL of a mirror such as http://10.0.0.1:5000 or http://[fd00::1]:5000',
  parse: orUndefined(given => {
    const text = withBrackets(given)
    const port = /:\d+$/.test(text) ? '' : ':80'
    const { scheme, registry } = parseRegistryUrl(text + port)
    return `${scheme}://${registry.slice(0, registry.length - port.length)}`
  }),
}

/** Flags of `spegel configuration`. Those with an unprefixed environment variable are Go Spegel's. */
export const CONFIGURATION_FLAGS = {
  containerdRegistryConfigPath: CONFIG_PATH_FLAG,
  mirroredRegistries: list({
    name: 'mirrored-registries',
    env: 'MIRRORED_REGISTRIES',
    kind: REGISTRY_URL,
    help: 'registries that mirrors are asked for; none, _default or *: all',
  }),
  mirrorTargets: list({
    name: 'mirror-targets',
    env: 'MIRROR_TARGETS',
    kind: MIRROR_URL,
    help: 'mirrors to ask, in this order; required',
  }),
  additionalMirrorTargets: list({
    name: 'additional-mirror-targets',
    env: 'SPEGEL_ADDITIONAL_MIRROR_TARGETS',
    kind: MIRROR_URL,
    help: 'mirrors of others to ask after those; they are sent no credentials',
  }),
  resolveTags: choice({
    name: 'resolve-tags',
    env: 'RESOLVE_TAGS',
    kind: oneOf(['true', 'false', 'auto']),
    default: 'true',
    help: 'whether mirrors are asked what a tag stands for; auto: they are, and decide',
  }),
  prependExisting: toggle({
    name: 'prepend-existing',
    env: 'PREPEND_EXISTING',
    help: 'keep what is configured already, to be asked after the mirrors',
  }),
  ...TRUST_FLAGS,
}

/** What `spegel configuration` was asked to do. */
export type ConfigurationFlags = FlagValues<typeof CONFIGURATION_FLAGS>

/**
 * Refuses flags that are good alone but not together.
 * @throws {UsageError}
 */
export function checkConfigurationFlags({ mirrorTargets, mirroredRegistries }: ConfigurationFlags): void {
  if (mirrorTargets.length === 0) throw new UsageError(`--mirror-targets is required: want ${MIRROR_URL.accepts}`)
  mirroredRegistryUrls(mirroredRegistries)
}

/**
 * The registries that get a file, each once; undefined stands for all others.
 * @throws {UsageError} where one is given twice and it is not said how it is reached
 */
export function mirroredRegistryUrls(urls: readonly string[]): readonly (RegistryUrl | undefined)[] {
  const registries = new Map<string | undefined, RegistryUrl | undefined>()
  for (const url of urls.length === 0 ? ['_default'] : urls) {
    const registry = isWildcardRegistry(url) ? undefined : parseRegistryUrl(url)
    const earlier = registries.get(registry?.registry)
    if (earlier !== undefined && earlier.scheme !== registry?.scheme) {
      throw new UsageError(
        `--mirrored-registries "${url}": want each registry once, this one is there with ${earlier.scheme}`,
      )
    }
    registries.set(registry?.registry, registry)
  }
  return [...registries.values()]
}
