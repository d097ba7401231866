import assert from 'node:assert/strict'
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { access, writeFile } from 'node:fs/promises'
import path from 'node:path'
import process from 'node:process'
import { test } from 'node:test'
import { inForce, type Layout, lay, snapshot, texts } from '../certs-d/config-directory.ts'
import { freePorts } from '../free-ports.ts'
import { temporaryDirectory } from '../temporary-directory.ts'
import { until } from '../until.ts'

const MAIN = path.resolve(import.meta.dirname, '../../src/main.ts')
const TARGET = 'http://127.0.0.1:5000'
/** Enough for a run to be caught in the middle. */
const REGISTRIES = Array.from({ length: 60 }, (_, n) => `r${n}.example`)
const BEFORE: Layout = Object.fromEntries(
  REGISTRIES.flatMap(registry => [
    [`${registry}/hosts.toml`, `[host."https://old.${registry}"]\nca = "ca.crt"\n`],
    [`${registry}/ca.crt`, `CA of ${registry}`],
  ]),
)

interface Run extends AsyncDisposable {
  readonly child: ChildProcess
  /** Exit status or signal, and what was said. */
  readonly ended: Promise<{ readonly status: number | string | null; readonly stderr: string }>
}

function spegel(args: readonly string[]): Run {
  const child = spawn(process.execPath, [MAIN, ...args], { env: {}, stdio: ['ignore', 'ignore', 'pipe'] })
  let stderr = ''
  child.stderr?.setEncoding('utf8').on('data', (text: string) => {
    stderr += text
  })
  const ended = once(child, 'close').then(() => ({ status: child.exitCode ?? child.signalCode, stderr }))
  return {
    child,
    ended,
    async [Symbol.asyncDispose]() {
      child.kill('SIGKILL')
      await ended
    },
  }
}

function configuration(root: string): Run {
  return spegel([
    'configuration',
    `--containerd-registry-config-path=${root}`,
    `--mirror-targets=${TARGET}`,
    '--basic-auth-dir=/nonexistent',
  ])
}

/** What ends in it is not there yet. */
async function isThere(file: string): Promise<boolean> {
  return await access(file).then(
    () => true,
    () => false,
  )
}

test('a configuration that is killed leaves the old or the new in force, and the next run completes', async () => {
  await using directory = await temporaryDirectory()
  const reference = path.join(directory.path, 'reference')
  await lay(reference, BEFORE)
  assert.equal((await configuration(reference).ended).status, 0)
  const expected = await snapshot(reference)
  const fresh = await inForce(reference, 'r0.example')
  for (const moment of ['_backup.tmp', '_backup.tmp/r30.example', '_backup', '_default']) {
    const root = path.join(directory.path, `at-${path.basename(moment)}`)
    await lay(root, BEFORE)
    const old = await Promise.all(REGISTRIES.map(registry => inForce(root, registry)))
    await using run = configuration(root)
    await until(async () => run.child.exitCode !== null || (await isThere(path.join(root, moment))))
    run.child.kill('SIGKILL')
    await run.ended
    for (const [index, registry] of REGISTRIES.entries()) {
      assert.ok([old[index], fresh].includes(await inForce(root, registry)), `${registry} when ${moment} was there`)
    }
    assert.equal((await configuration(root).ended).status, 0)
    assert.deepEqual(await snapshot(root), expected)
  }
})

test('cleanup restores, is seen by cleanup-wait, and ends when it is told to', async () => {
  await using directory = await temporaryDirectory()
  const root = path.join(directory.path, 'certs.d')
  await lay(root, BEFORE)
  const before = await texts(root)
  assert.equal((await configuration(root).ended).status, 0)
  const { registry: port } = await freePorts()
  await using wait = spegel(['cleanup-wait', `--probe-endpoint=localhost:${port}`, '--period=20ms'])
  await using cleanup = spegel(['cleanup', `--addr=:${port}`, `--containerd-registry-config-path=${root}`])
  assert.equal((await wait.ended).status, 0)
  assert.deepEqual(await texts(root), before)
  cleanup.child.kill('SIGTERM')
  const { status, stderr } = await cleanup.ended
  assert.equal(status, 0, stderr)
})

test('cleanup-wait that is told to end has not seen what it waits for', async () => {
  await using wait = spegel(['cleanup-wait', '--probe-endpoint=127.0.0.1:1', '--period=20ms'])
  await once(wait.child.stderr ?? wait.child, 'data')
  wait.child.kill('SIGTERM')
  assert.equal((await wait.ended).status, 143)
})

test('what can’t be done is said in one line', async () => {
  await using directory = await temporaryDirectory()
  const file = path.join(directory.path, 'file')
  await writeFile(file, '')
  const { status, stderr } = await configuration(path.join(file, 'certs.d')).ended
  assert.equal(status, 1)
  const lines = stderr.trimEnd().split('\n')
  assert.equal(lines.length, 1)
  assert.match(stderr, /cannot change .*file\/certs\.d: not a directory/)
})
