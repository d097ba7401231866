import assert from 'node:assert/strict'
import { writeFile } from 'node:fs/promises'
import path from 'node:path'
import { describe, test } from 'node:test'
import { freePorts } from '../free-ports.ts'
import { bootstrapMessages, listening, metric, readiness } from '../integration/node-state.ts'
import { RegistryProcess } from '../integration/registry-process.ts'
import { DnsServer } from '../routing/dns-server.ts'
import { temporaryDirectory } from '../temporary-directory.ts'
import { until } from '../until.ts'
import { unlessMountNamespaces, withResolvConf } from './resolv-conf.ts'

/** Not where a resolver of the machine listens. */
const DNS_HOST = '127.77.53.1'
const DNS_PORT = 53
const DOMAIN = 'spegel.cluster.test'
const NAME = `${DOMAIN}.`
const HOSTS = ['127.0.0.1', '127.0.0.2', '127.0.0.3'] as const
/** One packet of 512 bytes does not hold so many, and one round of bootstrap dials all of them. */
const MANY = 32
const FAILED = 'bootstrap failed'
const EMPTY = 'bootstrap names no peer'
const FOUND = 'bootstrap reached the mesh'
const ALONE = 'bootstrap names only this node'

/** Nodes that know each other by nothing but the names of `dns`, as the resolver of their system has it. */
async function scene() {
  await using stack = new AsyncDisposableStack()
  const directory = stack.use(await temporaryDirectory()).path
  const dns = stack.use(await DnsServer.start(DNS_HOST, DNS_PORT))
  const resolvConf = path.join(directory, 'resolv.conf')
  await writeFile(resolvConf, `nameserver ${DNS_HOST}\n`)
  const ports = await freePorts()
  const owned = stack.move()
  return {
    dns,
    start(host: string) {
      const flags = ['--bootstrap-kind=dns', `--dns-bootstrap-domain=${DOMAIN}`]
      const within = withResolvConf(resolvConf)
      return owned.use(
        RegistryProcess.start({ host, ports, layout: path.join(directory, host), peers: [], flags, within }),
      )
    },
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  }
}

/** Waits until DNS has been asked `count` times more. */
async function asked(dns: DnsServer, count: number): Promise<void> {
  const before = dns.questions.length
  await until(() => dns.questions.length >= before + count)
}

async function knows(node: RegistryProcess, members: number): Promise<void> {
  await until(async () => (await metric(node, 'spegel_peers')) === members)
}

describe('bootstrap by the DNS of the system', { skip: unlessMountNamespaces() }, () => {
  test('nodes that one name has the addresses of find each other', async () => {
    await using nodes = await scene()
    nodes.dns.names.set(NAME, HOSTS)
    const all = HOSTS.map(host => nodes.start(host))
    await Promise.all(all.map(node => node.ready()))
    for (const node of all) {
      await knows(node, HOSTS.length - 1)
      assert.equal(await readiness(node), 200)
    }
  })

  test('a node is not ready while DNS fails, is silent or names nobody, says each change once, and goes on asking', async () => {
    await using nodes = await scene()
    const [node, other] = [nodes.start(HOSTS[0]), nodes.start(HOSTS[1])]
    await listening(node)
    // A or AAAA, of either node, several times.
    for (const answer of [undefined, 'failure', 'silence'] as const) {
      if (answer !== undefined) nodes.dns.names.set(NAME, answer)
      await asked(nodes.dns, 8)
      assert.equal(await readiness(node), 503)
      assert.equal(await metric(node, 'spegel_peers'), 0)
    }
    assert.deepEqual(bootstrapMessages(node), [FAILED])
    nodes.dns.names.set(NAME, [])
    await until(() => bootstrapMessages(node).includes(EMPTY))
    await asked(nodes.dns, 8)
    assert.equal(await readiness(node), 503)
    nodes.dns.names.set(NAME, HOSTS.slice(0, 2))
    await Promise.all([node.ready(), other.ready()])
    await knows(node, 1)
    await until(() => bootstrapMessages(node).includes(FOUND))
    assert.deepEqual(bootstrapMessages(node), [FAILED, EMPTY, FOUND])

    other.kill('SIGKILL')
    nodes.dns.names.set(NAME, 'failure')
    await until(async () => (await readiness(node)) === 503)
    assert.equal(await metric(node, 'spegel_peers'), 0)
    await until(() => bootstrapMessages(node).at(-1) === FAILED)
  })

  test('a node that DNS names alone is ready after ten seconds, and no more once DNS fails', async () => {
    await using nodes = await scene()
    nodes.dns.names.set(NAME, [HOSTS[0]])
    const node = nodes.start(HOSTS[0])
    await listening(node)
    await until(() => bootstrapMessages(node).length > 0)
    assert.equal(await readiness(node), 503)
    await node.ready()
    assert.deepEqual(bootstrapMessages(node), [ALONE])
    assert.equal(await metric(node, 'spegel_peers'), 0)
    nodes.dns.names.set(NAME, 'failure')
    await until(async () => (await readiness(node)) === 503)
    assert.deepEqual(bootstrapMessages(node), [ALONE, FAILED])
  })

  test('a node finds others among more addresses than a UDP answer holds', async () => {
    await using nodes = await scene()
    const dead = Array.from({ length: MANY - 2 }, (_, index) => `127.0.9.${index + 1}`)
    nodes.dns.names.set(NAME, [...dead, HOSTS[0], HOSTS[1]])
    const all = [nodes.start(HOSTS[0]), nodes.start(HOSTS[1])]
    await Promise.all(all.map(node => node.ready()))
    for (const node of all) await knows(node, 1)
    assert.ok(nodes.dns.questions.includes(`tcp A ${NAME}`))
  })
})
