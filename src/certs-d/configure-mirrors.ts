import { mkdir } from 'node:fs/promises'
import path from 'node:path'
import type { Log } from '../observability/log.ts'
import { type ApplyComponents, addTree, removeRest } from './apply-tree.ts'
import { type ConfigState, mergeTrees, readConfigState } from './config-state.ts'
import type { FileChanges } from './file-changes.ts'
import { BACKUP_DIRECTORY, BOOKKEEPING, SCRATCH_DIRECTORY } from './layout.ts'
import { childNames, makeEntry } from './make-tree.ts'
import { type MirrorTreeOptions, mirrorTree } from './mirror-tree.ts'
import { scanTree, type Tree } from './tree.ts'
import { withScratch } from './with-scratch.ts'

/** Go Spegel's, and containerd's own. */
const DIRECTORY_MODE = 0o755

export interface ConfigureComponents {
  readonly changes: FileChanges
  readonly log: Log
}

export interface ConfigureOptions extends MirrorTreeOptions {
  /** containerd's `config_path`; made where it is not there. */
  readonly directory: string
  readonly signal: AbortSignal
}

/**
 * Makes containerd ask mirrors first. What others wrote is moved to a backup, in three steps so that a crash at any point
 * leaves for each registry what was in force or what shall be, and the next run completes: it is copied; mirrors are
 * configured; then what is no longer wanted is removed. To do it again changes nothing. Only one run at a time.
 * @throws {ConfigDirectoryError} where the system refuses a change
 * @throws {UnfitDirectoryError} where what is there is no configuration of registries
 */
export async function configureMirrors(
  { changes, log }: ConfigureComponents,
  { directory: root, signal, ...options }: ConfigureOptions,
): Promise<void> {
  const { targets, anonymousTargets = [] } = options.use
  const mirrors = [...targets, ...anonymousTargets]
  const isChanged = await withScratch(changes, root, async scratch => {
    await mkdir(root, { recursive: true, mode: DIRECTORY_MODE })
    const state = await readConfigState(root, { targets: mirrors, signal })
    if (state === undefined) return false
    const components = { changes, scratch }
    const backup = await backUp(components, state, { root, signal })
    const { current } = state
    const wanted = await mirrorTree({ log, root, backup, current }, options)
    await addTree(components, root, { current, wanted, signal })
    await removeRest(components, root, { current, wanted, signal })
    return scratch.isUsed
  })
  log.info(isChanged ? 'mirrors are configured' : 'mirrors are configured already', {
    directory: root,
    registries: options.registries.map(registry => registry?.registry ?? 'all'),
    targets: mirrors,
  })
}

/** Copies what others wrote; the backup as it is then. */
async function backUp(
  { changes, scratch }: ApplyComponents,
  { backup, foreign }: ConfigState,
  { root, signal }: { readonly root: string; readonly signal: AbortSignal },
): Promise<Tree> {
  const place = path.join(root, BACKUP_DIRECTORY)
  if (backup === undefined) {
    const incomplete = path.join(root, SCRATCH_DIRECTORY)
    await changes.create(incomplete, { kind: 'directory', attributes: { mode: DIRECTORY_MODE } })
    for (const name of childNames(foreign, '')) {
      await makeEntry(changes, { tree: foreign, relative: name, file: path.join(incomplete, name) }, { signal })
    }
    await changes.rename(incomplete, place)
  } else {
    await addTree({ changes, scratch }, place, { current: backup, wanted: mergeTrees(backup, foreign), signal })
  }
  return (await scanTree(place, { except: BOOKKEEPING, signal })) ?? new Map()
}
