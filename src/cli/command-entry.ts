import type { CommandContext } from './command.ts'
import type { CollectedFlags } from './flags/collect.ts'
import type { FlagTable } from './flags/flag.ts'
import { type Environment, readFlags } from './flags/read-flags.ts'

/** A command with its flags read, ready to run. */
export type PreparedCommand = (context: CommandContext) => Promise<void>

/** A command as the program lists it. */
export interface CommandEntry {
  readonly name: string
  /** One sentence. */
  readonly summary: string
  readonly interactive: boolean
  readonly table: FlagTable<object>
  /** @throws {UsageError} for flags that are not acceptable, alone or together */
  prepare(collected: CollectedFlags, env: Environment): PreparedCommand
}

/** What a command is made of. */
export interface CommandSpec<Values extends object> {
  readonly name: string
  readonly summary: string
  /** Whether it speaks to a person: on a terminal its failure is then a plain line, not a log line. Default: false. */
  readonly interactive?: boolean
  readonly table: FlagTable<Values>
  /** Throws a {@link UsageError} where flags are good alone but not together. */
  check?(flags: Values): void
  /** May reject with a {@link UsageError} too, for what only the parts of the command can tell. */
  run(flags: Values, context: CommandContext): Promise<void>
}

/** Ties a flags table to the command that takes its result. */
export function defineCommand<Values extends object>(spec: CommandSpec<Values>): CommandEntry {
  const { name, summary, table } = spec
  return {
    name,
    summary,
    table,
    interactive: spec.interactive ?? false,
    prepare(collected, env) {
      const flags = readFlags(table, collected, env)
      spec.check?.(flags)
      return context => spec.run(flags, context)
    },
  }
}
