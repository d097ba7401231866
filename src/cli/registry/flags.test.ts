import assert from 'node:assert/strict'
import { test } from 'node:test'
import { collectTable, flagsOf, readFlags } from '../flags/read-flags.ts'
import { UsageError } from '../flags/usage-error.ts'
import { checkRegistryFlags, REGISTRY_FLAGS, type RegistryFlags } from './flags.ts'

interface Expected {
  /** Flag, environment variable, shape and default. */
  readonly is: string
  /** Accepted and honoured: text → value. */
  readonly good?: Readonly<Record<string, unknown>>
  readonly bad?: readonly string[]
  /** Understood, but not in this release. */
  readonly pending?: readonly string[]
}

const address = (host: string, port: number) => ({ host, port })
const ADDRESSES = {
  good: { ':1': address('', 1), '10.0.0.1:2': address('10.0.0.1', 2), '[::1]:3': address('::1', 3) },
  bad: ['5000', 'a b:1', ':65536', '::1:5000', ''],
}
const sameText = (...texts: readonly string[]) => Object.fromEntries(texts.map(text => [text, text]))

/** Written out, so that a flag that is renamed or dropped is noticed: deployments of Go Spegel rely on the upper part. */
const EXPECTED: Readonly<Record<keyof RegistryFlags, Expected>> = {
  registryAddr: { is: '--registry-addr REGISTRY_ADDR value :5000', ...ADDRESSES },
  routerAddr: { is: '--router-addr ROUTER_ADDR value :5001', ...ADDRESSES },
  metricsAddr: { is: '--metrics-addr METRICS_ADDR value :9090', ...ADDRESSES },
  containerdSock: {
    is: '--containerd-sock CONTAINERD_SOCK value /run/containerd/containerd.sock',
    good: { ...sameText('/run/containerd/containerd.sock', 'x.sock'), 'unix:///x y': '/x y' },
    bad: ['', 'a\0b', 'unix://', `/${'x'.repeat(107)}`],
  },
  containerdNamespace: {
    is: '--containerd-namespace CONTAINERD_NAMESPACE value k8s.io',
    good: sameText('k8s.io', 'default', 'a-b_c.D1'),
    bad: ['', 'a b', 'a..b', '.a', 'a/b', 'a\nb', 'x'.repeat(77)],
  },
  containerdContentPath: {
    is: '--containerd-content-path CONTAINERD_CONTENT_PATH value /var/lib/containerd/io.containerd.content.v1.content',
    good: sameText('/var/lib/containerd/content'),
    bad: ['a\0b'],
  },
  dataDir: { is: '--data-dir DATA_DIR value ', good: sameText('/var/lib/spegel'), bad: ['a\0b'] },
  mirroredRegistries: {
    is: '--mirrored-registries MIRRORED_REGISTRIES list ',
    good: sameText('https://docker.io', 'http://a.b:5000', '_default', '*'),
    bad: ['docker.io', 'https://docker.io/library', 'ftp://a.b', 'https://user@a.b', ''],
  },
  registryFilters: {
    is: '--registry-filters REGISTRY_FILTERS list ',
    good: sameText(':latest$', '^a{1,2}/', '(?i)DOCKER'),
    bad: ['(', '*', '[a'],
  },
  mirrorResolveTimeoutMs: {
    is: '--mirror-resolve-timeout MIRROR_RESOLVE_TIMEOUT value 20ms',
    good: { '20ms': 20, '1m30s': 90_000, '1.5h': 5_400_000, '0': 0 },
    bad: ['20', '-1s', '1d', ''],
  },
  mirrorResolveRetries: {
    is: '--mirror-resolve-retries MIRROR_RESOLVE_RETRIES value 3',
    good: { '1': 1, '100': 100 },
    bad: ['0', '-1', '1.5', '1e2', '0x1', '101', 'three', ''],
  },
  bootstrapKind: {
    is: '--bootstrap-kind BOOTSTRAP_KIND value ',
    good: sameText('static', 'dns', 'http'),
    bad: ['kubernetes', 'Static', ''],
  },
  dnsBootstrapDomain: {
    is: '--dns-bootstrap-domain DNS_BOOTSTRAP_DOMAIN value ',
    good: sameText('spegel', 'spegel-bootstrap.spegel.svc.cluster.local.'),
    bad: ['a b', 'a..b', 'http://a.b', ''],
  },
  httpBootstrapAddr: { is: '--http-bootstrap-addr HTTP_BOOTSTRAP_ADDR value ', ...ADDRESSES },
  httpBootstrapUrl: {
    is: '--http-bootstrap-url HTTP_BOOTSTRAP_URL value ',
    good: { 'https://a.b/peers': new URL('https://a.b/peers') },
    bad: ['a.b/peers', 'ftp://a.b', ''],
  },
  httpBootstrapCertDir: {
    is: '--http-bootstrap-cert-dir HTTP_BOOTSTRAP_CERT_DIR value ',
    good: sameText('/certs'),
    bad: ['a\0b'],
  },
  staticBootstrapPeers: {
    is: '--static-bootstrap-peers STATIC_BOOTSTRAP_PEERS list ',
    good: sameText('/ip4/10.0.0.1/tcp/5001', '/ip4/10.0.0.2'),
  },
  containerdRegistryConfigPath: {
    is: '--containerd-registry-config-path CONTAINERD_REGISTRY_CONFIG_PATH value ',
    good: sameText('/etc/containerd/certs.d'),
  },
  httpBootstrapPeer: {
    is: '--http-bootstrap-peer HTTP_BOOTSTRAP_PEER value ',
    good: { 'http://a.b:8080': new URL('http://a.b:8080') },
    bad: ['a.b:8080'],
  },
  resolveLatestTag: { is: '--resolve-latest-tag RESOLVE_LATEST_TAG switch true', good: { true: true, false: false } },
  otelEnabled: { is: '--otel-enabled OTEL_ENABLED switch ', good: { true: true, false: false } },
  otelEndpoint: { is: '--otel-endpoint OTEL_ENDPOINT value ', good: sameText('http://collector:4318') },
  otelServiceName: { is: '--otel-service-name OTEL_SERVICE_NAME value ', good: sameText('spegel') },
  otelSampler: { is: '--otel-sampler OTEL_SAMPLER value ', good: sameText('parentbased_always_off', '0.5') },
  otelInsecure: { is: '--otel-insecure OTEL_INSECURE switch ', good: { true: true, false: false } },
  resolveTags: {
    is: '--resolve-tags RESOLVE_TAGS choice true',
    good: sameText('true', 'false', 'auto'),
    bad: ['maybe', ''],
  },
  debugWebEnabled: {
    is: '--debug-web-enabled DEBUG_WEB_ENABLED switch true',
    good: { true: true, false: false, '0': false },
    bad: ['maybe', ''],
  },
  store: {
    is: '--store SPEGEL_STORE value containerd',
    good: sameText('oci-layout', 'containerd'),
    bad: ['docker', ''],
  },
  ociLayoutPath: {
    is: '--oci-layout-path SPEGEL_OCI_LAYOUT_PATH list ',
    good: sameText('/mnt/usb', 'images'),
    bad: ['a\0b'],
  },
  clusterSecretFile: {
    is: '--cluster-secret-file SPEGEL_CLUSTER_SECRET_FILE value ',
    good: sameText('/secret'),
    bad: ['', 'a\0b'],
  },
  coalesce: {
    is: '--coalesce SPEGEL_COALESCE switch true',
    good: { true: true, false: false },
    bad: ['maybe'],
  },
  coalesceWaitMs: {
    is: '--coalesce-wait SPEGEL_COALESCE_WAIT value 2s',
    good: { '1s': 1000, '250ms': 250 },
    bad: ['2', '-1s'],
  },
  maxUploads: {
    is: '--max-uploads SPEGEL_MAX_UPLOADS value 256',
    good: { '1': 1, '65536': 65_536 },
    bad: ['0', '65537', 'many'],
  },
  basicAuthDir: {
    is: '--basic-auth-dir SPEGEL_BASIC_AUTH_DIR value /etc/secrets/basic-auth',
    good: sameText('/secrets'),
  },
}

const KEYS = Object.keys(EXPECTED) as (keyof RegistryFlags)[]

/** All that a daemon needs beside the flag under test, by environment, so that the flag wins over it. */
const ENOUGH = { SPEGEL_STORE: 'oci-layout', SPEGEL_OCI_LAYOUT_PATH: '/images', BOOTSTRAP_KIND: 'static' }

function read(args: readonly string[], env: Readonly<Record<string, string>> = {}): RegistryFlags {
  return readFlags(REGISTRY_FLAGS, collectTable(args, REGISTRY_FLAGS), { ...ENOUGH, ...env })
}

/** Every way to write a flag with one text on the command line. */
function forms(flag: string, shape: string, text: string): readonly (readonly string[])[] {
  const inline = [[`${flag}=${text}`], [`${flag}=x`, `${flag}=${text}`]]
  if (shape === 'switch') return text === 'true' ? [...inline, [flag]] : inline
  return text === '' ? [...inline, [flag, text]] : [...inline, [flag, text], [flag, 'x', flag, text]]
}

const csv = (text: string) => `"${text.replaceAll('"', '""')}"`

test('the table has the expected flags, variables, shapes and defaults, and no others', () => {
  const actual = flagsOf(REGISTRY_FLAGS).map(flag => `--${flag.name} ${flag.env} ${flag.shape} ${flag.default ?? ''}`)
  const expected = Object.values(EXPECTED).map(({ is }) => is)
  assert.deepEqual(actual.toSorted(), expected.toSorted())
})

test('no two flags share a name or a variable', () => {
  const flags = flagsOf(REGISTRY_FLAGS)
  assert.equal(new Set(flags.map(({ name }) => name)).size, flags.length)
  assert.equal(new Set(flags.map(({ env }) => env)).size, flags.length)
})

for (const key of KEYS) {
  const { is, good = {}, bad = [], pending = [] } = EXPECTED[key]
  const [flag = '', env = '', shape = ''] = is.split(' ')
  const envText = (text: string) => (shape === 'list' ? csv(text) : text)
  const valueOf = (value: unknown) => (shape === 'list' ? [value] : value)

  for (const [text, value] of Object.entries(good)) {
    for (const args of forms(flag, shape, text)) {
      test(`${args.join(' ')} is honoured`, () => assert.deepEqual(read(args)[key], valueOf(value)))
    }
    test(`${env}=${text} is honoured, and the flag wins over it`, () => {
      assert.deepEqual(read([], { [env]: envText(text) })[key], valueOf(value))
      assert.deepEqual(read([`${flag}=${text}`], { [env]: csv('other') })[key], valueOf(value))
    })
  }
  for (const text of bad) {
    for (const args of forms(flag, shape, text)) {
      test(`${JSON.stringify(args)} is refused`, () =>
        refuses(() => read(args), `${flag} ${JSON.stringify(text)}: want `))
    }
    if (text === '') continue
    test(`${env}=${JSON.stringify(text)} is refused`, () => {
      refuses(() => read([], { [env]: envText(text) }), `${env} ${JSON.stringify(text)}: want `)
    })
  }
  for (const text of pending) {
    const reason = `${JSON.stringify(text)}: not in this release yet`
    for (const args of forms(flag, shape, text)) {
      test(`${args.join(' ')} is refused as yet`, () => refuses(() => read(args), `${flag} ${reason}`))
    }
    test(`${env}=${text} is refused as yet`, () => {
      refuses(() => read([], { [env]: envText(text) }), `${env} ${reason}`)
    })
  }
  if (shape === 'list') {
    const [one = '', two = ''] = Object.keys(good)
    test(`${flag} takes several values, and a repeated one replaces them`, () => {
      assert.deepEqual(read([flag, one, two])[key], [one, two])
      assert.deepEqual(read([], { [env]: `${csv(one)},${csv(two)}` })[key], [one, two])
      assert.deepEqual(read([flag, one, two, flag, two])[key], [two])
      assert.throws(() => read([`${flag}=${one}`, two]), new UsageError(`unexpected argument ${JSON.stringify(two)}`))
    })
  }
}

function refuses(action: () => unknown, start: string): void {
  assert.throws(action, (error: unknown) => {
    assert.ok(error instanceof UsageError)
    assert.doesNotMatch(error.message, /\n/)
    assert.equal(error.message.slice(0, start.length), start)
    return true
  })
}

test('defaults hold where nothing is given', () => {
  assert.deepEqual(read([]), {
    store: 'oci-layout',
    ociLayoutPath: ['/images'],
    containerdSock: '/run/containerd/containerd.sock',
    containerdNamespace: 'k8s.io',
    containerdContentPath: '/var/lib/containerd/io.containerd.content.v1.content',
    registryAddr: { host: '', port: 5000 },
    routerAddr: { host: '', port: 5001 },
    metricsAddr: { host: '', port: 9090 },
    dataDir: '',
    mirroredRegistries: [],
    registryFilters: [],
    mirrorResolveTimeoutMs: 20,
    mirrorResolveRetries: 3,
    bootstrapKind: 'static',
    dnsBootstrapDomain: undefined,
    httpBootstrapAddr: undefined,
    httpBootstrapUrl: undefined,
    httpBootstrapCertDir: undefined,
    staticBootstrapPeers: [],
    containerdRegistryConfigPath: undefined,
    httpBootstrapPeer: undefined,
    resolveLatestTag: true,
    otelEnabled: false,
    otelEndpoint: undefined,
    otelServiceName: undefined,
    otelSampler: undefined,
    otelInsecure: false,
    resolveTags: 'true',
    clusterSecretFile: undefined,
    coalesce: true,
    coalesceWaitMs: 2000,
    maxUploads: 256,
    debugWebEnabled: true,
    basicAuthDir: '/etc/secrets/basic-auth',
  })
})

test('an empty content path of containerd asks for it', () => {
  assert.equal(read(['--containerd-content-path='])['containerdContentPath'], '')
})

test('what belongs together goes together', () => {
  checkRegistryFlags(read([]))
  checkRegistryFlags(read([], { SPEGEL_STORE: '', SPEGEL_OCI_LAYOUT_PATH: '' }))
  refuses(() => checkRegistryFlags(read([], { SPEGEL_OCI_LAYOUT_PATH: '' })), '--oci-layout-path is required')
  refuses(() => checkRegistryFlags(read([], { BOOTSTRAP_KIND: '' })), '--bootstrap-kind is required: want dns, http or')
  const both = ['--http-bootstrap-peer=http://a.b', '--http-bootstrap-url=http://a.b/id']
  refuses(() => checkRegistryFlags(read(both)), '--http-bootstrap-peer and --http-bootstrap-url: want one')
})
