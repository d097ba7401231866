import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readdir, readlink } from 'node:fs/promises'
import path from 'node:path'
import process from 'node:process'
import { test } from 'node:test'
import { until } from '../../until.ts'
import { unlessPossible } from './e2e.ts'

const HUNG_CASE = path.join(import.meta.dirname, 'hung-case.ts')

/** Processes in one of `namespaces`. */
async function processesIn(namespaces: readonly string[]): Promise<readonly string[]> {
  const pids = (await readdir('/proc')).filter(name => /^\d+$/.test(name))
  const inside = await Promise.all(
    pids.map(async pid => {
      const links = ['pid', 'mnt', 'net'].map(kind => readlink(`/proc/${pid}/ns/${kind}`).catch(() => ''))
      return (await Promise.all(links)).some(link => namespaces.includes(link))
    }),
  )
  return pids.filter((_, index) => inside[index])
}

for (const signal of ['SIGINT', 'SIGTERM', 'SIGKILL'] as const) {
  test(`nothing is left of a case that is ended with ${signal}`, { skip: unlessPossible() }, async () => {
    const child = spawn(process.execPath, [HUNG_CASE], { stdio: ['ignore', 'pipe', 'inherit'] })
    const [line]: Buffer[] = await once(child.stdout, 'data')
    const namespaces: readonly string[] = JSON.parse(String(line))
    assert.notEqual((await processesIn(namespaces)).length, 0)
    child.kill(signal)
    await once(child, 'close')
    await until(async () => (await processesIn(namespaces)).length === 0)
  })
}
