import { spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import path from 'node:path'
import process from 'node:process'

/** Where `build-containerd.ts` leaves containerd 2.x: outside of what is checked in. */
export const BUILT_DIRECTORY = path.resolve(import.meta.dirname, '../../../node_modules/.cache/spegel-e2e')

/** A containerd to test with, and the client that belongs to it. */
export interface ContainerdBinary {
  readonly containerd: string
  readonly ctr: string
  /** As it says itself, such as `1.6.20`. */
  readonly version: string
}

/** Those on this machine: the installed one and the built one, or only those that `SPEGEL_E2E_CONTAINERD` lists (`a:b`). */
export function containerdBinaries(): readonly ContainerdBinary[] {
  const chosen = process.env['SPEGEL_E2E_CONTAINERD']?.split(':')
  const candidates = chosen ?? ['/usr/bin/containerd', path.join(BUILT_DIRECTORY, 'containerd')]
  return candidates.filter(existsSync).map(containerd => {
    const { stdout } = spawnSync(containerd, ['--version'], { encoding: 'utf8' })
    const version = /\d+\.\d+\.\d+/.exec(stdout)?.[0] ?? 'of unknown version'
    return { containerd, ctr: path.join(path.dirname(containerd), 'ctr'), version }
  })
}
