import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises'
import path from 'node:path'
import process from 'node:process'
import { text } from 'node:stream/consumers'
import { test } from 'node:test'
import type { Finding } from '../../../src/cli/doctor/finding.ts'
import { until } from '../../until.ts'
import { ChildProgram } from './child-program.ts'
import { e2e } from './e2e.ts'
import type { E2eNode } from './e2e-node.ts'
import { spegelCommand } from './spegel-process.ts'

const ONE = { nodes: 1 } as const
const TWO = { nodes: 2 } as const
const FAKETIME = ['x86_64', 'aarch64']
  .map(machine => `/usr/lib/${machine}-linux-gnu/faketime/libfaketime.so.1`)
  .find(file => existsSync(file))

interface Examination {
  readonly status: number | null
  readonly findings: readonly Finding[]
  /** What a check says, and its worst status. */
  of(check: string): { readonly status: string; readonly text: string }
}

/** Runs `spegel doctor` on a node with the flags of its daemon and further ones. */
async function examine(node: E2eNode, further: readonly string[] = []): Promise<Examination> {
  const flags = [...node.spegel.flags(), `--containerd-registry-config-path=${node.containerd.paths.registryConfig}`]
  const [program = '', ...args] = node.host.within(spegelCommand('doctor', ...flags, ...further, '--json'))
  const child = spawn(program, args, { env: { PATH: process.env['PATH'] }, stdio: ['ignore', 'pipe', 'inherit'] })
  const output = await text(child.stdout)
  await until(() => child.exitCode !== null)
  const { ok, findings } = JSON.parse(output) as { ok: boolean; findings: readonly Finding[] }
  assert.equal(child.exitCode, ok ? 0 : 1)
  return {
    status: child.exitCode,
    findings,
    of(check) {
      const found = findings.filter(finding => finding.check === check)
      const status = ['failure', 'warning', 'ok'].find(status => found.some(finding => finding.status === status))
      return {
        status: status ?? 'none',
        text: found.map(({ summary, remedy }) => `${summary} ${remedy ?? ''}`).join('\n'),
      }
    },
  }
}

function section(plugin: string, configPath: string): string {
  return `[plugins."${plugin}".registry]\n  config_path = "${configPath}"\n`
}

async function editConfig(node: E2eNode, edit: (text: string) => string): Promise<void> {
  const { config } = node.containerd.paths
  await writeFile(config, edit(await readFile(config, 'utf8')))
  await node.containerd.restart()
}

e2e('doctor finds nothing wrong with a node that is in order', TWO, async ({ upstream, nodes: [a, b] }) => {
  const image = await upstream.push()
  await a.pull(image.name)
  await until(async () => (await b.spegel.metric('spegel_peers')) === 1)
  const { status, findings } = await examine(a)
  assert.deepEqual(
    findings.filter(finding => finding.status !== 'ok'),
    [],
  )
  assert.equal(status, 0)
  const checks = new Set(findings.map(({ check }) => check))
  for (const check of [
    'socket',
    'namespace',
    'content-path',
    'config-path',
    'discard-unpacked-layers',
    'hosts',
    'proxy',
  ]) {
    assert.ok(checks.has(check), check)
  }
  for (const check of ['daemon', 'ports', 'identity', 'peers', 'peer-registries', 'clocks'])
    assert.ok(checks.has(check), check)
})

e2e('doctor finds a missing socket, and a containerd that is down', ONE, async ({ nodes: [a] }) => {
  const missing = (await examine(a, ['--containerd-sock=/run/none/containerd.sock'])).of('socket')
  assert.equal(missing.status, 'failure')
  assert.match(missing.text, /the socket does not exist .*--containerd-sock/)
  await a.containerd.stop('SIGKILL')
  const refused = (await examine(a)).of('socket')
  assert.equal(refused.status, 'failure')
  assert.match(refused.text, /connection refused/)
})

e2e('doctor finds a wrong namespace, and names the right one', ONE, async ({ upstream, nodes: [a] }) => {
  const image = await upstream.push()
  await a.pull(image.name)
  const { status, text } = (await examine(a, ['--containerd-namespace=default'])).of('namespace')
  assert.equal(status, 'failure')
  assert.match(text, /k8s\.io holds \d+ .*--containerd-namespace=k8s\.io/)
})

e2e('doctor finds a content path that can’t be read, or is another', ONE, async ({ upstream, nodes: [a] }) => {
  await a.pull((await upstream.push()).name)
  const absent = (await examine(a, ['--containerd-content-path=/run/none'])).of('content-path')
  assert.equal(absent.status, 'warning')
  assert.match(absent.text, /does not exist.*--containerd-content-path/)
  const other = (await examine(a, ['--containerd-content-path=/run'])).of('content-path')
  assert.equal(other.status, 'failure')
  assert.ok(other.text.includes(`--containerd-content-path=${a.containerd.paths.content}`))
})

e2e('doctor finds that config_path is not set, and that it is another', ONE, async ({ nodes: [a] }) => {
  await editConfig(a, text => text.replace(/config_path = ".*"/, 'config_path = ""'))
  const unset = (await examine(a)).of('config-path')
  assert.equal(unset.status, 'failure')
  assert.match(unset.text, /config_path is not set/)
  await editConfig(a, text => text.replace(/config_path = ".*"/, 'config_path = "/run/elsewhere"'))
  const other = (await examine(a)).of('config-path')
  assert.equal(other.status, 'failure')
  assert.match(other.text, /config_path is \/run\/elsewhere/)
})

e2e('doctor finds several directories where containerd takes one', ONE, async ({ upstream, nodes: [a] }) => {
  const image = await upstream.push()
  await editConfig(a, text => text.replace(/config_path = "(.*)"/, 'config_path = "/run/none:$1"'))
  const { status } = (await examine(a)).of('config-path')
  const pulled = a.pull(image.name).then(
    () => 'ok',
    () => 'failure',
  )
  // The registry is reached without TLS, which hosts.toml alone says.
  assert.equal(status, await pulled)
})

e2e('doctor reads a configuration as containerd does', ONE, async ({ nodes: [a] }, t) => {
  const { config } = a.containerd.paths
  const directory = path.join(path.dirname(config), 'conf.d')
  await mkdir(directory)
  await writeFile(path.join(directory, '10.toml'), `version = 2\n${section('io.containerd.grpc.v1.cri', '/from/10')}`)
  await writeFile(path.join(directory, '20.toml'), `version = 2\n${section('io.containerd.cri.v1.images', '/from/20')}`)
  await editConfig(a, text => text.replace('version = 2', `version = 2\nimports = ["${directory}/*.toml"]`))
  const dump = await a.containerd.dumpConfig()
  const [, expected = ''] = /\.registry\]\n\s*config_path = ["'](.*)["']/.exec(dump) ?? []
  t.diagnostic(expected)
  assert.match((await examine(a)).of('config-path').text, new RegExp(`config_path is ${expected},`))
})

e2e('doctor follows imports to where config_path is unset again', ONE, async ({ nodes: [a] }) => {
  const directory = path.join(path.dirname(a.containerd.paths.config), 'conf.d')
  await mkdir(directory)
  const plugin = '[plugins."io.containerd.grpc.v1.cri".containerd]\n  snapshotter = "overlayfs"\n'
  await writeFile(path.join(directory, '10-other.toml'), `version = 2\n${plugin}`)
  await editConfig(a, text => text.replace('version = 2', `version = 2\nimports = ["${directory}/*.toml"]`))
  const { status } = (await examine(a)).of('config-path')
  assert.equal(status, 'failure')
})

e2e('doctor finds hosts.toml files that are not there', ONE, async ({ nodes: [a] }) => {
  await rm(path.join(a.containerd.paths.registryConfig, 'registry.test'), { recursive: true })
  const { status, text } = (await examine(a)).of('hosts')
  assert.equal(status, 'failure')
  assert.match(text, /no hosts\.toml for registry\.test .*spegel configuration/)
})

e2e('doctor finds hosts.toml files that others shadow', ONE, async ({ nodes: [a] }) => {
  const { registryConfig } = a.containerd.paths
  const shadow = path.join(path.dirname(registryConfig), 'first', 'registry.test')
  await mkdir(shadow, { recursive: true })
  await writeFile(path.join(shadow, 'hosts.toml'), 'server = "http://registry.test"\n[host."http://registry.test"]\n')
  await editConfig(a, text => text.replace(/config_path = "(.*)"/, `config_path = "${path.dirname(shadow)}:$1"`))
  const { status, text } = (await examine(a)).of('hosts')
  assert.equal(status, 'failure')
  assert.ok(text.includes(`${shadow} is in force`))
})

e2e('doctor finds a registry that bypasses the mirror of all others', ONE, async ({ nodes: [a] }) => {
  const { registryConfig } = a.containerd.paths
  await mkdir(path.join(registryConfig, '_default'))
  const ours = await readFile(path.join(registryConfig, 'registry.test/hosts.toml'))
  await writeFile(path.join(registryConfig, '_default/hosts.toml'), ours)
  await mkdir(path.join(registryConfig, 'other.test_5000_'))
  const { findings } = await examine(a, ['--mirrored-registries=_default'])
  const failures = findings.filter(({ check, status }) => check === 'hosts' && status === 'failure')
  assert.deepEqual(
    failures.map(({ summary }) => summary.split(':').slice(0, 2).join(':')),
    ['other.test:5000'],
  )
})

e2e('doctor finds that layers are discarded', ONE, async ({ nodes: [a] }) => {
  await editConfig(a, text =>
    text.replace('snapshotter = "overlayfs"', 'snapshotter = "overlayfs"\n  discard_unpacked_layers = true'),
  )
  const { status, text } = (await examine(a)).of('discard-unpacked-layers')
  assert.equal(status, 'failure')
  assert.match(text, /discard_unpacked_layers = false/)
})

e2e('doctor finds a port that another program has', ONE, async ({ nodes: [a] }) => {
  await a.spegel.kill()
  const script = `require('node:net').createServer().listen(5001, '${a.host.address}', () => console.log('listens'))`
  await using thief = ChildProgram.start('thief', a.host.within([process.execPath, '-e', script]))
  await until(() => thief.output.includes('listens'))
  const examination = await examine(a)
  assert.equal(examination.of('daemon').status, 'warning')
  const { status, text } = examination.of('ports')
  assert.equal(status, 'failure')
  assert.match(text, /:5001 is taken.*--router-addr/)
})

e2e('doctor finds that there are no peers', TWO, async ({ nodes: [a, b] }) => {
  await b.spegel.kill()
  await a.spegel.restart()
  await until(async () => (await fetch(`${a.spegel.metricsUrl}/livez`).catch(() => undefined))?.ok === true)
  const { status, text } = (await examine(a)).of('peers')
  assert.equal(status, 'failure')
  assert.match(text, /no peers, though bootstrap names 1/)
  assert.ok(text.includes(`${b.host.address}:5001 accepts no connection`))
})

e2e('doctor finds a peer that can’t be reached', { nodes: 3 }, async ({ nodes: [a, b, c] }) => {
  await until(async () => (await a.spegel.metric('spegel_peers')) === 2)
  await a.host.dropBetween([b.host.address])
  const { findings } = await examine(a)
  const named = findings.filter(({ status, summary }) => status === 'failure' && summary.includes(b.host.address))
  assert.ok(named.length > 0)
  assert.ok(!findings.some(({ status, summary }) => status === 'failure' && summary.includes(c.host.address)))
})

e2e('doctor finds a proxy that containerd would ask for the mirror', ONE, async ({ nodes: [a] }) => {
  await a.containerd.restart(['HTTP_PROXY=http://10.77.0.200:3128'])
  const proxied = (await examine(a)).of('proxy')
  assert.equal(proxied.status, 'failure')
  assert.ok(proxied.text.includes(`add ${a.host.address} to NO_PROXY`))
  await a.containerd.restart(['HTTP_PROXY=http://10.77.0.200:3128', 'NO_PROXY=10.77.0.0/16'])
  assert.equal((await examine(a)).of('proxy').status, 'ok')
})

e2e('doctor finds another node with the identity of this one', TWO, async ({ nodes: [a, b] }) => {
  const shared = path.join(path.dirname(a.containerd.paths.config), 'data')
  await mkdir(shared)
  await a.spegel.restart([`--data-dir=${shared}`])
  await until(() => existsSync(path.join(shared, 'private.key')))
  await b.spegel.restart([`--data-dir=${shared}`])
  await until(async () => (await examine(a)).of('identity').status === 'failure')
  const { text } = (await examine(b)).of('identity')
  assert.match(text, /has the identity of this one.*private\.key/)
})

if (FAKETIME === undefined) test('doctor finds a clock that is off', { skip: 'libfaketime is not installed' }, () => {})
else {
  const later = ['env', `LD_PRELOAD=${FAKETIME}`, 'FAKETIME=+120s', 'FAKETIME_DONT_FAKE_MONOTONIC=1']
  e2e('doctor finds a clock that is off', TWO, async ({ nodes: [a, b] }) => {
    await b.spegel.restart([], later)
    await b.spegel.ready()
    await until(async () => (await a.spegel.metric('spegel_peers')) === 1)
    const { status, text } = (await examine(a)).of('clocks')
    assert.equal(status, 'failure')
    assert.match(text, new RegExp(`the clock of ${b.host.address}:5000 is 1(?:19|20|21) s ahead`))
  })
}
