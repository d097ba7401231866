import type { Writable } from 'node:stream'
import type { Log } from '../observability/log.ts'

/** What every command gets beside its flags. */
export interface CommandContext {
  readonly log: Log
  /** Aborts on SIGINT and SIGTERM. */
  readonly signal: AbortSignal
  /** Results go here; logs and progress go to `stderr`. */
  readonly stdout: Writable
  readonly stderr: Writable & { readonly isTTY?: boolean; readonly columns?: number }
}
