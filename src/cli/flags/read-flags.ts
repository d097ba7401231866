import { quote } from '../../oci/errors.ts'
import { type CollectedFlags, collectFlags } from './collect.ts'
import { parseCsv } from './csv.ts'
import { type Flag, type FlagTable, flagLabel, type Given } from './flag.ts'
import { UsageError } from './usage-error.ts'

/** The process environment, or a stand-in. */
export type Environment = Readonly<Record<string, string | undefined>>

/** Takes `args` apart by the flags of `table`; {@link readFlags} then understands them. */
export function collectTable(args: readonly string[], table: FlagTable<object>): CollectedFlags {
  const named = flagsOf(table).filter(flag => flag.shape !== 'positional')
  return collectFlags(args, new Map(named.map(flag => [flag.name, flag.shape])))
}

/** The flags of `table` in the order they were written. */
export function flagsOf(table: FlagTable<object>): readonly Flag<unknown>[] {
  return Object.values(table)
}

/**
 * The values of all flags in `table`: the command line's, else the environment's, else the default. An empty environment
 * variable counts as unset, because deployments write that for “not configured”.
 *
 * @throws {UsageError} naming the first flag or variable that is not acceptable
 */
export function readFlags<Values extends object>(
  table: FlagTable<Values>,
  collected: CollectedFlags,
  env: Environment,
): Values {
  const positionals = flagsOf(table).filter(flag => flag.shape === 'positional').length
  const extra = collected.positionals[positionals]
  if (extra !== undefined) throw new UsageError(`unexpected argument ${quote(extra)}`)
  const values: Partial<Values> = {}
  for (const key in table) {
    const flag: Flag<Values[typeof key]> = table[key]
    values[key] = flag.read(givenFor(flag, collected, env))
  }
  if (!isComplete(values, table)) throw new TypeError('a flag was not read')
  return values
}

function isComplete<Values extends object>(values: Partial<Values>, table: FlagTable<Values>): values is Values {
  return Object.keys(table).every(key => key in values)
}

function givenFor(flag: Flag<unknown>, collected: CollectedFlags, env: Environment): Given | undefined {
  const texts = flag.shape === 'positional' ? collected.positionals.slice(0, 1) : collected.flags.get(flag.name)
  if (texts !== undefined) return { source: flagLabel(flag), texts }
  const fromEnv = flag.env === undefined ? undefined : env[flag.env]
  if (flag.env === undefined || fromEnv === undefined || fromEnv === '') return undefined
  return { source: flag.env, texts: flag.shape === 'list' ? readCsv(fromEnv, flag.env) : [fromEnv] }
}

function readCsv(text: string, variable: string): readonly string[] {
  const fields = parseCsv(text)
  if (fields !== undefined) return fields
  throw new UsageError(`${variable} ${quote(text)}: want a list with commas, a value that holds one in double quotes`)
}
