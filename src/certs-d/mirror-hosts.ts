import type { TomlTable } from 'smol-toml'
import { type RegistryUrl, registryHost } from '../oci/registry-url.ts'
import type { HostsFile } from './hosts-file.ts'

/** A mirror that can't be reached must not hold up a pull: containerd's own limit is 30 s a request. */
const DIAL_TIMEOUT = '200ms'

/** How mirrors are to be used. */
export interface MirrorUse {
  /** URLs of mirrors, asked in this order. */
  readonly targets: readonly string[]
  /** URLs of mirrors that are asked after those, and are sent no credentials; default: none. */
  readonly anonymousTargets?: readonly string[]
  /** Whether mirrors are asked what a tag stands for. */
  readonly resolveTags: boolean
  /** Value of the `Authorization` header that mirrors want. */
  readonly authorization?: string | undefined
}

/**
 * What the `hosts.toml` of a registry says so that mirrors are asked before what `existing` says, in whose place they are
 * where there is nothing to keep.
 * @param registry undefined for those that have no file of their own: then the image names the server
 */
export function mirrorHosts(
  registry: RegistryUrl | undefined,
  { targets, anonymousTargets = [], resolveTags, authorization }: MirrorUse,
  existing?: HostsFile,
): HostsFile {
  const mirror: TomlTable = {
    capabilities: resolveTags ? ['pull', 'resolve'] : ['pull'],
    dial_timeout: DIAL_TIMEOUT,
  }
  const credentials = authorization === undefined ? {} : { header: { Authorization: authorization } }
  const anonymous = anonymousTargets.filter(target => !targets.includes(target))
  const server =
    existing?.server ?? (registry === undefined ? undefined : `${registry.scheme}://${registryHost(registry.registry)}`)
  return {
    ...(server === undefined ? {} : { server }),
    serverSettings: existing?.serverSettings ?? {},
    // A mirror that was there already is ours now: TOML has no room for it twice.
    hosts: new Map([
      ...targets.map(target => [target, { ...mirror, ...credentials }] as const),
      ...anonymous.map(target => [target, mirror] as const),
      ...keptHosts(existing, [...targets, ...anonymous]),
    ]),
  }
}

function keptHosts(
  existing: HostsFile | undefined,
  targets: readonly string[],
): readonly (readonly [string, TomlTable])[] {
  return [...(existing?.hosts ?? [])].filter(([url]) => !targets.includes(url))
}
