import { choice, type FlagValues, list, optional, toggle, value } from '../flags/flag.ts'
import {
  ADDRESS,
  DOMAIN,
  DURATION,
  GO_REGEX,
  HTTP_URL,
  integer,
  NAMESPACE,
  oneOf,
  PATH,
  REGISTRY_URL,
  SOCKET,
  TEXT,
} from '../flags/kind.ts'
import { UsageError } from '../flags/usage-error.ts'
import { TRUST_FLAGS } from '../trust/trust-flags.ts'
import { OTHER_RELEASE_FLAGS } from './other-release-flags.ts'

/** Beyond any sensible number of peers for one request. */
const MAX_RETRIES = 100
/** Each upload holds a socket, a file and a buffer. */
const MAX_UPLOADS = 65_536

/** Flags of `spegel registry`. Those with an unprefixed environment variable are Go Spegel's. */
export const REGISTRY_FLAGS = {
  ...OTHER_RELEASE_FLAGS,
  store: value({
    name: 'store',
    env: 'SPEGEL_STORE',
    kind: oneOf(['containerd', 'oci-layout']),
    default: 'containerd',
    help: 'where images are: those of containerd, or OCI image layouts (no container runtime needed)',
  }),
  ociLayoutPath: list({
    name: 'oci-layout-path',
    env: 'SPEGEL_OCI_LAYOUT_PATH',
    kind: PATH,
    help: 'OCI image-layout directories to serve, watched for changes; with --store oci-layout',
  }),
  containerdSock: value({
    name: 'containerd-sock',
    env: 'CONTAINERD_SOCK',
    kind: SOCKET,
    default: '/run/containerd/containerd.sock',
    help: 'socket of containerd; in a pod, mount its directory and not the file',
  }),
  containerdNamespace: value({
    name: 'containerd-namespace',
    env: 'CONTAINERD_NAMESPACE',
    kind: NAMESPACE,
    default: 'k8s.io',
    help: 'namespace of containerd that images are in',
  }),
  containerdContentPath: value({
    name: 'containerd-content-path',
    env: 'CONTAINERD_CONTENT_PATH',
    kind: PATH,
    default: '/var/lib/containerd/io.containerd.content.v1.content',
    help: 'content directory of containerd; empty: ask containerd for it',
  }),
  registryAddr: value({
    name: 'registry-addr',
    env: 'REGISTRY_ADDR',
    kind: ADDRESS,
    default: ':5000',
    help: 'where the registry listens',
  }),
  routerAddr: value({
    name: 'router-addr',
    env: 'ROUTER_ADDR',
    kind: ADDRESS,
    default: ':5001',
    help: 'where the peer-to-peer router listens (TCP)',
  }),
  metricsAddr: value({
    name: 'metrics-addr',
    env: 'METRICS_ADDR',
    kind: ADDRESS,
    default: ':9090',
    help: 'where metrics and health listen',
  }),
  dataDir: value({
    name: 'data-dir',
    env: 'DATA_DIR',
    kind: PATH,
    default: '',
    help: 'directory for a lasting peer identity and the last known members; empty: a new identity at each start',
  }),
  mirroredRegistries: list({
    name: 'mirrored-registries',
    env: 'MIRRORED_REGISTRIES',
    kind: REGISTRY_URL,
    help: 'registries to mirror; none, _default or *: all',
  }),
  registryFilters: list({
    name: 'registry-filters',
    env: 'REGISTRY_FILTERS',
    kind: GO_REGEX,
    help: 'what matches registry/repository[:tag] is neither served nor advertised, nor is content of no known image',
  }),
  mirrorResolveTimeoutMs: value({
    name: 'mirror-resolve-timeout',
    env: 'MIRROR_RESOLVE_TIMEOUT',
    kind: DURATION,
    default: '20ms',
    help: 'longest wait for a first peer while no request is in flight',
  }),
  mirrorResolveRetries: value({
    name: 'mirror-resolve-retries',
    env: 'MIRROR_RESOLVE_RETRIES',
    kind: integer(1, MAX_RETRIES),
    default: '3',
    help: 'most peers to try for one request',
  }),
  bootstrapKind: optional({
    name: 'bootstrap-kind',
    env: 'BOOTSTRAP_KIND',
    kind: oneOf(['dns', 'http', 'static']),
    help: 'how the first peers are found',
  }),
  dnsBootstrapDomain: optional({
    name: 'dns-bootstrap-domain',
    env: 'DNS_BOOTSTRAP_DOMAIN',
    kind: DOMAIN,
    help: 'domain whose addresses are peers; with --bootstrap-kind dns',
  }),
  httpBootstrapAddr: optional({
    name: 'http-bootstrap-addr',
    env: 'HTTP_BOOTSTRAP_ADDR',
    kind: ADDRESS,
    help: 'where to serve the own peer address, at /id; with --bootstrap-kind http',
  }),
  httpBootstrapUrl: optional({
    name: 'http-bootstrap-url',
    env: 'HTTP_BOOTSTRAP_URL',
    kind: HTTP_URL,
    help: 'where to get peer addresses; with --bootstrap-kind http',
  }),
  httpBootstrapCertDir: optional({
    name: 'http-bootstrap-cert-dir',
    env: 'HTTP_BOOTSTRAP_CERT_DIR',
    kind: PATH,
    help: 'directory of ca.crt, tls.crt and tls.key for --http-bootstrap-url, each optional',
  }),
  staticBootstrapPeers: list({
    name: 'static-bootstrap-peers',
    env: 'STATIC_BOOTSTRAP_PEERS',
    kind: TEXT,
    help: 'peers as multiaddrs, /ip4/10.0.0.1[/tcp/5001][/p2p/ID], or host[:port]; with --bootstrap-kind static',
  }),
  resolveTags: choice({
    name: 'resolve-tags',
    env: 'RESOLVE_TAGS',
    kind: oneOf(['true', 'false', 'auto']),
    default: 'true',
    help: 'whether tags are answered at all; auto: only while the registry does not answer',
  }),
  coalesce: toggle({
    name: 'coalesce',
    env: 'SPEGEL_COALESCE',
    default: true,
    help: 'coalesce cold bursts into one upstream fetch',
  }),
  coalesceWaitMs: value({
    name: 'coalesce-wait',
    env: 'SPEGEL_COALESCE_WAIT',
    kind: DURATION,
    default: '2s',
    help: 'longest total wait of one request on coalescing',
  }),
  maxUploads: value({
    name: 'max-uploads',
    env: 'SPEGEL_MAX_UPLOADS',
    kind: integer(1, MAX_UPLOADS),
    default: '256',
    help: 'blobs sent to peers at once; beyond it 503',
  }),
  debugWebEnabled: toggle({
    name: 'debug-web-enabled',
    env: 'DEBUG_WEB_ENABLED',
    default: true,
    help: 'serve the dashboard and its API at /debug/web/, on --metrics-addr',
  }),
  ...TRUST_FLAGS,
}

/** What `spegel registry` was asked to do. */
export type RegistryFlags = FlagValues<typeof REGISTRY_FLAGS>

/**
 * Refuses flags that are good alone but not together.
 * @throws {UsageError}
 */
export function checkRegistryFlags(flags: RegistryFlags): void {
  if (flags.store === 'oci-layout' && flags.ociLayoutPath.length === 0) {
    throw new UsageError('--oci-layout-path is required with --store oci-layout: want one or more paths')
  }
  if (flags.bootstrapKind === undefined) {
    throw new UsageError('--bootstrap-kind is required: want dns, http or static')
  }
  if (flags.httpBootstrapPeer !== undefined && flags.httpBootstrapUrl !== undefined) {
    throw new UsageError('--http-bootstrap-peer and --http-bootstrap-url: want one of them')
  }
}
