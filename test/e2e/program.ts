import { execFile, spawnSync } from 'node:child_process'
import { promisify } from 'node:util'

const execFileAsync = promisify(execFile)

/** For a test's `skip`: the reason where a program is not installed, so that the test is skipped by name. */
export function unlessInstalled(program: string): string | false {
  return spawnSync(program, ['--version']).error === undefined ? false : `${program} is not installed`
}

/** Runs a program to its end; rejects with its stderr where it fails. */
export async function run(program: string, args: readonly string[]): Promise<string> {
  return (await execFileAsync(program, args)).stdout
}
