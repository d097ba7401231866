import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { MemberState, NodeState } from '../../../web/api/state.ts'
import { DISTRIBUTIONS } from '../facts/distributions.ts'
import type { HostsInForce } from '../facts/hosts-in-force.ts'
import { checkConfig } from './config.ts'
import { checkContentPath } from './content-path.ts'
import { checkHosts } from './hosts.ts'
import { checkMembers, type PeerAnswer } from './members.ts'
import { checkDaemon, checkIdentity, checkMesh } from './mesh.ts'
import { checkNamespace } from './namespace.ts'
import { checkPorts } from './ports.ts'
import { checkProxy } from './proxy.ts'
import { checkSocket } from './socket.ts'

const node: NodeState = {
  version: '1',
  peerId: 'me',
  startedAt: 0,
  time: 0,
  ready: true,
  registry: '10.0.0.1:5000',
  router: [],
  peers: 2,
  twins: [],
  images: 1,
  totals: { store: 0, peer: 0, in_progress: 0, upload: 0, hits: 0, misses: 0 },
}
const containerd = {
  kind: 'answers',
  version: '2.1.0',
  contentDirectory: '/c',
  images: new Map([['k8s.io', 3]]),
} as const
const config = {
  files: ['/etc/containerd/config.toml'],
  version: 3,
  configPaths: ['/certs'],
  discardsLayers: false,
  hasOldMirrors: false,
  pullsLocally: false,
}
const statuses = (findings: readonly { readonly status: string }[]) => findings.map(({ status }) => status)

test('a socket elsewhere is named', () => {
  const facts = {
    socket: '/a',
    containerd: { kind: 'silent', reason: 'no' },
    others: ['/run/k3s/containerd/containerd.sock'],
  } as const
  assert.match(checkSocket(facts).remedy ?? '', /\/run\/k3s\/containerd\/containerd\.sock/)
})

test('a namespace without images is a failure only where another has some', () => {
  assert.equal(checkNamespace({ namespace: 'k8s.io', containerd }).status, 'ok')
  assert.equal(checkNamespace({ namespace: 'moby', containerd }).status, 'failure')
  assert.equal(
    checkNamespace({ namespace: 'moby', containerd: { ...containerd, images: new Map([['moby', 0]]) } }).status,
    'warning',
  )
})

test('a content path that containerd does not say is a warning', async () => {
  const facts = {
    contentPath: '',
    announced: undefined,
    troubleWith: async () => undefined,
    isSame: async () => undefined,
  }
  assert.equal((await checkContentPath(facts)).status, 'warning')
  assert.equal((await checkContentPath({ ...facts, announced: '/c' })).status, 'ok')
})

for (const distribution of DISTRIBUTIONS) {
  test(`the remedy for ${distribution.name} names the file that is to be changed there`, () => {
    const facts = {
      config: { ...config, configPaths: [] },
      distribution,
      version: undefined,
      registryConfigPath: '/certs',
    }
    assert.ok(checkConfig(facts)[0]?.remedy?.includes(distribution.customise))
  })
}

test('a configuration is checked for what keeps the mirror from being asked, and from having anything', () => {
  const check = (changes: object) =>
    statuses(
      checkConfig({
        config: { ...config, ...changes },
        distribution: undefined,
        version: undefined,
        registryConfigPath: '/certs',
      }),
    )
  assert.deepEqual(check({}), ['ok', 'ok'])
  assert.deepEqual(check({ configPaths: ['/other'] }), ['failure', 'ok'])
  assert.deepEqual(check({ hasOldMirrors: true }), ['failure', 'ok'])
  assert.deepEqual(check({ discardsLayers: true }), ['ok', 'failure'])
  assert.deepEqual(
    statuses(
      checkConfig({
        config: { trouble: 'x' },
        distribution: undefined,
        version: undefined,
        registryConfigPath: '/certs',
      }),
    ),
    ['warning'],
  )
})

for (const [version, changes, expected] of [
  ['1.7.20', {}, 'ok'],
  ['2.0.4', {}, 'ok'],
  ['2.1.0', {}, 'failure'],
  ['2.3.7', {}, 'failure'],
  ['2.3.7', { pullsLocally: true }, 'ok'],
] as const) {
  test(`several directories are ${expected} with containerd ${version} ${JSON.stringify(changes)}`, () => {
    const several = { ...config, configPaths: ['/a', '/certs'], ...changes }
    const [path] = checkConfig({ config: several, distribution: undefined, version, registryConfigPath: '/certs' })
    assert.equal(path?.status, expected)
  })
}

test('hosts are checked in the order in which containerd asks them', async () => {
  const MIRROR = 'http://10.0.0.1:5000'
  const check = async (inForce: Partial<HostsInForce>) =>
    await checkHosts({
      configPaths: ['/certs'],
      registries: ['docker.io'],
      configured: ['other.io'],
      inForce: async () => ({ directory: '/certs/docker.io', hosts: [], isOurs: false, ...inForce }),
      isMirror: async url => url === MIRROR,
    })
  const good = await check({ hosts: [MIRROR, 'https://a'] })
  assert.deepEqual([statuses(good.findings), good.mirrors], [['ok'], [MIRROR]])
  assert.deepEqual(statuses((await check({ hosts: ['https://a', MIRROR] })).findings), ['warning'])
  assert.deepEqual(statuses((await check({ hosts: ['https://a'] })).findings), ['failure'])
  assert.deepEqual(statuses((await check({})).findings), ['failure'])
  assert.deepEqual(statuses((await check({ directory: undefined })).findings), ['failure'])
  const dead = await check({ hosts: ['http://10.0.0.9:5000'], isOurs: true })
  assert.deepEqual([statuses(dead.findings), dead.mirrors], [['failure'], ['http://10.0.0.9:5000']])
})

test('ports are tried only where no daemon has them', async () => {
  const addresses = { '--registry-addr': { host: '', port: 5000 } }
  assert.deepEqual(
    statuses(await checkPorts({ addresses, isRunning: true, isTaken: () => Promise.reject(new Error('tried')) })),
    ['ok'],
  )
  assert.deepEqual(statuses(await checkPorts({ addresses, isRunning: false, isTaken: async () => true })), ['failure'])
})

test('a daemon that is not ready is a failure, one that is not there or tells nothing a warning', () => {
  assert.equal(checkDaemon({ kind: 'running', node }, 'u').status, 'ok')
  assert.equal(checkDaemon({ kind: 'running', node: { ...node, ready: false } }, 'u').status, 'failure')
  assert.equal(checkDaemon({ kind: 'mute' }, 'u').status, 'warning')
  assert.equal(checkDaemon({ kind: 'absent', reason: 'x' }, 'u').status, 'warning')
})

test('a mesh is checked for peers, and for those that bootstrap names', () => {
  assert.deepEqual(statuses(checkMesh({ node, bootstrap: new Map([['a', true]]) })), ['ok'])
  assert.deepEqual(
    statuses(
      checkMesh({
        node,
        bootstrap: new Map([
          ['a', false],
          ['b', true],
        ]),
      }),
    ),
    ['ok', 'failure'],
  )
  assert.deepEqual(statuses(checkMesh({ node, bootstrap: { trouble: 'x' } })), ['ok', 'warning'])
  assert.deepEqual(statuses(checkMesh({ node: { ...node, peers: 0 }, bootstrap: new Map() })), ['failure'])
  assert.deepEqual(statuses(checkMesh({ node: { ...node, peers: 0 }, bootstrap: { trouble: 'x' } })), ['failure'])
})

test('a twin is a failure', () => {
  assert.equal(checkIdentity(node).status, 'ok')
  assert.equal(checkIdentity({ ...node, twins: ['10.0.0.2'] }).status, 'failure')
})

/** What is said of clocks where those of the peers differ by so much. */
async function clocks(...skews: readonly (number | undefined)[]): Promise<readonly string[]> {
  const members = skews.map((_, index): MemberState => {
    return {
      id: String(index),
      address: `10.0.0.${index}:5000`,
      inFlight: 0,
      failures: 0,
      receivedBytes: 0,
      sentBytes: 0,
    }
  })
  const answers = new Map<string, PeerAnswer>(
    members.map(({ address }, index) => [address, { kind: 'answers', skewMs: skews[index] }]),
  )
  const findings = await checkMembers({
    members,
    ask: async address => answers.get(address) ?? { kind: 'silent', reason: 'x' },
  })
  return findings.filter(({ check }) => check === 'clocks').map(({ summary }) => summary)
}

test('where most clocks differ from this one, it is this one that is off', async () => {
  assert.deepEqual(await clocks(0, 0), ['the clocks of the peers agree with this one'])
  assert.deepEqual(await clocks(0, -60_000, 0), ['the clock of 10.0.0.1:5000 is 60 s behind'])
  assert.deepEqual(await clocks(60_000, 60_000, 0), ['the clock of this node is off: that of 2 of 3 peers differs'])
  assert.deepEqual(await clocks(undefined), [])
  assert.deepEqual(await clocks(), [])
})

test('a proxy matters only where containerd would ask it for the mirror', () => {
  const mirrors = ['http://10.0.0.1:5000']
  const HTTP_PROXY = 'http://proxy:3128'
  assert.equal(checkProxy({ mirrors, env: undefined }).status, 'warning')
  assert.equal(checkProxy({ mirrors, env: {} }).status, 'ok')
  assert.equal(checkProxy({ mirrors, env: { HTTP_PROXY } }).status, 'failure')
  assert.equal(checkProxy({ mirrors, env: { HTTP_PROXY, NO_PROXY: '10.0.0.0/8' } }).status, 'ok')
  assert.equal(checkProxy({ mirrors: ['http://127.0.0.1:5000'], env: { HTTP_PROXY } }).status, 'ok')
})
