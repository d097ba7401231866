import type { CommandContext } from '../command.ts'
import type { CleanupWaitFlags } from './flags.ts'
import { waitForCleanup } from './wait-for-cleanup.ts'

/** Resolves once every node has told, several times in a row, that its cleanup is done. */
export async function runCleanupWait(flags: CleanupWaitFlags, { log, signal }: CommandContext): Promise<void> {
  await waitForCleanup({ log }, { ...flags, signal })
}
