import path from 'node:path'
import { addTree, removeRest } from './apply-tree.ts'
import { mergeTrees, readConfigState } from './config-state.ts'
import type { ConfigureComponents } from './configure-mirrors.ts'
import { BACKUP_DIRECTORY } from './layout.ts'
import { withScratch } from './with-scratch.ts'

export interface RestoreOptions {
  /** containerd's `config_path`. */
  readonly directory: string
  readonly signal: AbortSignal
}

/**
 * Brings back what was there before mirrors were configured, as it was, and removes what we wrote. What others wrote in the
 * meantime stays. A crash at any point leaves for each registry what was in force or what shall be, and the next run
 * completes. Without a backup there is nothing to bring back. It needs no room on the disk but for names.
 * @throws {ConfigDirectoryError} where the system refuses a change
 * @throws {UnfitDirectoryError} where what is there is no configuration of registries
 */
export async function restoreConfiguration(
  { changes, log }: ConfigureComponents,
  { directory: root, signal }: RestoreOptions,
): Promise<void> {
  const outcome = await withScratch(changes, root, async scratch => {
    const state = await readConfigState(root, { targets: [], signal })
    if (state === undefined) return 'there is no registry configuration'
    const { current, foreign, backup } = state
    const components = { changes, scratch }
    const wanted = backup === undefined ? foreign : mergeTrees(backup, foreign)
    await addTree(components, root, { current, wanted, share: true, signal })
    await removeRest(components, root, { current, wanted, signal })
    if (backup === undefined)
      return scratch.isUsed ? 'mirrors are removed, without a backup' : 'no mirrors are configured'
    await scratch.takeAway(path.join(root, BACKUP_DIRECTORY))
    return 'registry configuration is restored'
  })
  log.info(outcome, { directory: root })
}
