import assert from 'node:assert/strict'
import path from 'node:path'
import process from 'node:process'
import { test } from 'node:test'
import { DrivenNode } from '../interop/driven-node.ts'
import { type TestHost, TestNetwork, unlessNamespaces } from '../interop/network.ts'
import { until } from '../until.ts'
import { run } from './program.ts'

const OUR_NODE = path.resolve(import.meta.dirname, '../interop/our-node.ts')
const PORT = '5001'
/** Every node with Docker has it. */
const DOCKER = '172.17.0.1'
const KEY = `sha256:${'ab'.repeat(32)}`

/** Gives `host` an IPv6 address and an interface of Docker's, and starts a node there that listens on all addresses. */
async function start(host: TestHost, options: { readonly ip6: string; readonly peers: readonly string[] }) {
  for (const command of [
    `ip address add ${options.ip6}/64 dev eth0 nodad`,
    'ip link add docker0 type bridge',
    `ip address add ${DOCKER}/16 dev docker0`,
    'ip link set docker0 up',
  ]) {
    const [program = '', ...args] = host.within(command.split(' '))
    await run(program, args)
  }
  return await DrivenNode.start(host.within([process.execPath, OUR_NODE, '', PORT, ...options.peers]))
}

test('a node on all addresses announces both families, and is found at one that is not everyone’s own', {
  skip: unlessNamespaces(),
}, async () => {
  await using network = await TestNetwork.create(2)
  const [host, otherHost] = network.hosts
  assert.ok(host && otherHost)
  await using node = await start(host, { ip6: 'fd77::1', peers: [] })
  const { peer, multiaddrs } = await node.identity()
  assert.deepEqual(
    multiaddrs.toSorted(),
    [DOCKER, host.address]
      .map(address => `/ip4/${address}/tcp/${PORT}/p2p/${peer}`)
      .concat(`/ip6/fd77::1/tcp/${PORT}/p2p/${peer}`)
      .toSorted(),
  )
  const ip6 = multiaddrs.filter(address => address.startsWith('/ip6/'))
  await using other = await start(otherHost, { ip6: 'fd77::2', peers: ip6 })
  await until(async () => (await node.members()).length === 1 && (await other.members()).length === 1)
  for (const each of [node, other]) await each.provide([KEY])
  await until(async () => {
    const [found] = await node.find([KEY])
    return found?.[0] !== undefined && found[0].hosts[0] !== DOCKER
  })
  assert.deepEqual(await other.find([KEY]), [[{ peer, hosts: ['fd77::1'] }]])
})
