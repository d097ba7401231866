import assert from 'node:assert/strict'
import { test } from 'node:test'
import { collectTable, readFlags } from '../flags/read-flags.ts'
import { UsageError } from '../flags/usage-error.ts'
import { CONFIGURATION_FLAGS, mirroredRegistryUrls } from './flags.ts'

function read(args: readonly string[], env: Readonly<Record<string, string>> = {}) {
  return readFlags(CONFIGURATION_FLAGS, collectTable(args, CONFIGURATION_FLAGS), env)
}

test('flags and defaults are Go Spegel’s', () => {
  assert.deepEqual(
    read(['--mirror-targets', 'http://10.0.0.1:30020', 'http://10.0.0.1:30021', '--resolve-tags=false']),
    {
      containerdRegistryConfigPath: '/etc/containerd/certs.d',
      mirroredRegistries: [],
      mirrorTargets: ['http://10.0.0.1:30020', 'http://10.0.0.1:30021'],
      additionalMirrorTargets: [],
      resolveTags: 'false',
      prependExisting: false,
      clusterSecretFile: undefined,
      basicAuthDir: '/etc/secrets/basic-auth',
    },
  )
})

test('environment variables are Go Spegel’s', () => {
  const env = {
    CONTAINERD_REGISTRY_CONFIG_PATH: '/c',
    MIRRORED_REGISTRIES: 'https://docker.io,_default',
    MIRROR_TARGETS: 'http://[fd00::1]:5000,http://mirror',
    SPEGEL_ADDITIONAL_MIRROR_TARGETS: 'https://harbor',
    SPEGEL_CLUSTER_SECRET_FILE: '/s',
    RESOLVE_TAGS: 'auto',
    PREPEND_EXISTING: 'true',
    SPEGEL_BASIC_AUTH_DIR: '/b',
  }
  assert.deepEqual(read([], env), {
    containerdRegistryConfigPath: '/c',
    mirroredRegistries: ['https://docker.io', '_default'],
    mirrorTargets: ['http://[fd00::1]:5000', 'http://mirror'],
    additionalMirrorTargets: ['https://harbor'],
    resolveTags: 'auto',
    prependExisting: true,
    clusterSecretFile: '/s',
    basicAuthDir: '/b',
  })
})

for (const target of [
  '',
  'mirror:5000',
  'http://',
  'http://a/',
  'http://a?b',
  'http://u@a',
  'ftp://a',
  '_default',
  'http://a:0',
  'http://a_b:1',
  'http://fd00::1',
  "http://a'b:1",
]) {
  test(`${JSON.stringify(target)} is no mirror`, () => {
    assert.throws(() => read([`--mirror-targets=${target}`]), UsageError)
  })
}

test('registries are mirrored once each, all of them where none is named', () => {
  const docker = { scheme: 'https', registry: 'docker.io' }
  assert.deepEqual(mirroredRegistryUrls([]), [undefined])
  assert.deepEqual(mirroredRegistryUrls(['*', 'https://docker.io', '_default', 'https://docker.io']), [
    undefined,
    docker,
  ])
  assert.throws(() => mirroredRegistryUrls(['https://docker.io', 'http://docker.io']), UsageError)
})

test('an IPv6 address gets the brackets that Kubernetes can’t put around it', () => {
  const { mirrorTargets } = read(['--mirror-targets', 'http://fd00::1:30020', 'http://[fd00::2]:30021'])
  assert.deepEqual(mirrorTargets, ['http://[fd00::1]:30020', 'http://[fd00::2]:30021'])
})
