import assert from 'node:assert/strict'
import { readdir, readFile } from 'node:fs/promises'
import { until } from '../../until.ts'
import { SANDBOX_FILES } from './sandbox.ts'

/** What a case could leave behind in the sandbox: processes, mounts, network namespaces, devices, files. */
interface Belongings {
  readonly processes: readonly string[]
  readonly mounts: readonly string[]
  readonly namespaces: readonly string[]
  readonly devices: readonly string[]
  readonly files: readonly string[]
}

/** Notes what is there; the result fails unless, a moment later, just that is there. */
export async function watchForLeftovers(): Promise<() => Promise<void>> {
  const before = await belongings()
  return async () => {
    // Who is killed is gone a moment after.
    await until(async () => (await belongings()).processes.length <= before.processes.length).catch(() => {})
    assert.deepEqual(await belongings(), before)
  }
}

async function belongings(): Promise<Belongings> {
  const processes = (await readdir('/proc')).filter(name => /^\d+$/.test(name))
  const mounts = (await readFile('/proc/self/mountinfo', 'utf8')).split('\n').map(line => line.split(' ')[4] ?? '')
  return {
    processes: processes.toSorted(),
    // Others are copies of the machine's, which come and go with what happens there.
    mounts: mounts.filter(mount => mount.startsWith(SANDBOX_FILES)).toSorted(),
    namespaces: await readdir('/run/netns').catch(() => []),
    devices: [...(await readFile('/proc/self/net/dev', 'utf8')).matchAll(/^\s*(\w+):/gm)].map(([, name = '']) => name),
    files: await readdir(SANDBOX_FILES),
  }
}
