import assert from 'node:assert/strict'
import { mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import path from 'node:path'
import { until } from '../../until.ts'
import { run } from '../program.ts'
import { ChildProgram } from './child-program.ts'
import { e2e } from './e2e.ts'
import { configureMirror } from './hosts-toml.ts'
import { spegelCommand } from './spegel-process.ts'

const CLEANUP_ADDRESS = '127.0.0.1:8080'

/** What somebody had configured: another way to the registry, a certificate beside it, and a registry not mirrored. */
const EXISTING = {
  'registry.test/hosts.toml': `# ours
server = "http://registry.test"

[host."http://alias.test"]
  capabilities = ["pull", "resolve"]
  ca = "certs/ca.pem"
  [host."http://alias.test".header]
    x-team = ["a", "b"]
`,
  'other.test/hosts.toml': 'server = "https://other.test"\n[host."https://other.test"]\n',
  'other.test/client.key': 'not a key\n',
}

async function writeTree(directory: string, files: Readonly<Record<string, string>>): Promise<void> {
  await rm(directory, { recursive: true })
  for (const [name, content] of Object.entries(files)) {
    await mkdir(path.dirname(path.join(directory, name)), { recursive: true })
    await writeFile(path.join(directory, name), content)
  }
}

async function readTree(directory: string): Promise<Readonly<Record<string, string>>> {
  const entries = await readdir(directory, { recursive: true, withFileTypes: true })
  const files = entries.filter(entry => entry.isFile()).map(entry => path.join(entry.parentPath, entry.name))
  const contents = files.map(async file => [path.relative(directory, file), await readFile(file, 'utf8')] as const)
  return Object.fromEntries(await Promise.all(contents))
}

async function certificate(): Promise<string> {
  const key = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-keyout', '/dev/null']
  return await run('openssl', ['req', '-x509', ...key, '-subj', '/CN=test'])
}

e2e(
  'containerd takes what is configured before what was there, and has it back after cleanup',
  { nodes: 1 },
  async cluster => {
    const { upstream, nodes } = cluster
    const [node] = nodes
    const asked = () => node.spegel.metric('spegel_mirror_requests_total')
    const directory = node.containerd.paths.registryConfig
    const existing = { ...EXISTING, 'registry.test/certs/ca.pem': await certificate() }
    await writeTree(directory, existing)
    await configureMirror({ directory, registry: upstream.url, target: node.spegel.url, flags: ['--prepend-existing'] })

    const image = await upstream.push()
    await node.pull(image.name)
    await node.assertHolds(image)
    assert.notEqual(await asked(), 0)
    assert.deepEqual(new Set(upstream.requests.map(({ host }) => host)), new Set(['alias.test']))

    const command = spegelCommand(
      'cleanup',
      `--addr=${CLEANUP_ADDRESS}`,
      `--containerd-registry-config-path=${directory}`,
    )
    await using cleanup = ChildProgram.start('cleanup', command)
    await until(async () => {
      cleanup.assertRunning()
      return await fetch(`http://${CLEANUP_ADDRESS}/readyz`).then(
        response => response.ok,
        () => false,
      )
    })
    assert.deepEqual(await readTree(directory), existing)
    await node.remove(image.name)
    const before = await asked()
    await node.pull(image.name)
    assert.equal(await asked(), before)
  },
)

e2e(
  'on a full disk configuration says so and leaves in force what was',
  { nodes: 1 },
  async ({ upstream, nodes: [node] }) => {
    const directory = node.containerd.paths.registryConfig
    await run('mount', ['-t', 'tmpfs', '-o', 'size=64k', 'small', directory])
    await using _mounted = { [Symbol.asyncDispose]: async () => void (await run('umount', ['--lazy', directory])) }
    const direct = { 'registry.test/hosts.toml': `server = "${upstream.url}"\n[host."${upstream.url}"]\n` }
    for (const [name, content] of Object.entries(direct)) {
      await mkdir(path.dirname(path.join(directory, name)), { recursive: true })
      await writeFile(path.join(directory, name), content)
    }
    const ballast = path.join(directory, 'ballast')
    await assert.rejects(writeFile(ballast, Buffer.alloc(100_000)), /ENOSPC/)
    const configure = () => configureMirror({ directory, registry: upstream.url, target: node.spegel.url })
    await assert.rejects(configure(), /ENOSPC|no space left/)
    const image = await upstream.push()
    await node.pull(image.name)
    assert.equal(await node.spegel.metric('spegel_mirror_requests_total'), 0)
    await rm(ballast)
    await configure()
    await node.remove(image.name)
    await node.pull(image.name)
    assert.notEqual(await node.spegel.metric('spegel_mirror_requests_total'), 0)
  },
)
