import type { Log } from '../../observability/log.ts'
import { type FlagValues, optional, toggle } from '../flags/flag.ts'
import { HTTP_URL, PATH, TEXT } from '../flags/kind.ts'

/** What `--resolve-latest-tag=false` stands for. */
const LATEST_FILTER = ':latest$'

/** Flags that only some releases of Go Spegel have, so that whatever starts those can start this. */
export const OTHER_RELEASE_FLAGS = {
  containerdRegistryConfigPath: optional({
    name: 'containerd-registry-config-path',
    env: 'CONTAINERD_REGISTRY_CONFIG_PATH',
    kind: PATH,
    help: 'of no effect: it is for configuration and cleanup',
  }),
  httpBootstrapPeer: optional({
    name: 'http-bootstrap-peer',
    env: 'HTTP_BOOTSTRAP_PEER',
    kind: HTTP_URL,
    help: 'a node with --http-bootstrap-addr: --http-bootstrap-url without its /id',
  }),
  resolveLatestTag: toggle({
    name: 'resolve-latest-tag',
    env: 'RESOLVE_LATEST_TAG',
    default: true,
    help: `false: one more of --registry-filters, ${LATEST_FILTER}`,
  }),
  otelEnabled: toggle({ name: 'otel-enabled', env: 'OTEL_ENABLED', help: 'of no effect: there are no traces' }),
  otelEndpoint: otel('endpoint', 'OTEL_ENDPOINT'),
  otelServiceName: otel('service-name', 'OTEL_SERVICE_NAME'),
  otelSampler: otel('sampler', 'OTEL_SAMPLER'),
  otelInsecure: toggle({ name: 'otel-insecure', env: 'OTEL_INSECURE', help: 'of no effect: there are no traces' }),
}

type OtherReleaseFlags = FlagValues<typeof OTHER_RELEASE_FLAGS>

/** `--registry-filters` and what other flags add to it. */
export function allRegistryFilters(
  flags: Pick<OtherReleaseFlags, 'resolveLatestTag'> & { readonly registryFilters: readonly string[] },
): readonly string[] {
  return flags.resolveLatestTag ? flags.registryFilters : [...flags.registryFilters, LATEST_FILTER]
}

/** The URL of the node that `--http-bootstrap-peer` names. */
export function peerBootstrapUrl(peer: URL): URL {
  const url = new URL(peer)
  url.pathname = `${peer.pathname.replace(/\/$/, '')}/id`
  return url
}

/** Logs what was asked for and is not done. */
export function warnOfNoEffect({ otelEnabled, otelEndpoint }: OtherReleaseFlags, log: Log): void {
  if (otelEnabled || otelEndpoint !== undefined) log.warn('traces were asked for: this release exports none')
}

function otel(name: string, env: string) {
  return optional({ name: `otel-${name}`, env, kind: TEXT, help: 'of no effect: there are no traces' })
}
