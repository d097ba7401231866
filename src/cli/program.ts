import { parseArgs, styleText } from 'node:util'
import { createLog, LOG_LEVELS } from '../observability/log.ts'
import { quote } from '../oci/errors.ts'
import type { CommandContext } from './command.ts'
import type { CommandEntry, PreparedCommand } from './command-entry.ts'
import { COMMANDS } from './commands.ts'
import { toggle, value } from './flags/flag.ts'
import { type HelpPage, renderHelp } from './flags/help.ts'
import { oneOf } from './flags/kind.ts'
import { collectTable, type Environment, flagsOf, readFlags } from './flags/read-flags.ts'
import { closest } from './flags/suggest.ts'
import { UsageError } from './flags/usage-error.ts'
import { interruptedStatus, isConsequenceOf } from './interrupt.ts'
import { programVersion } from './version/version.ts'

const EXIT_FAILURE = 1
const EXIT_USAGE = 2

/** Flags that are accepted before and after the command. */
export const GLOBAL_FLAGS = {
  logLevel: value({
    name: 'log-level',
    env: 'LOG_LEVEL',
    kind: oneOf(LOG_LEVELS, { ignoreCase: true }),
    default: 'INFO',
    help: 'least important log lines to write',
  }),
  help: toggle({ name: 'help', help: 'print this help (also -h)' }),
  version: toggle({ name: 'version', help: 'print the version' }),
}

/** What the program runs in. */
export interface ProgramInput extends Omit<CommandContext, 'log'> {
  /** Without the interpreter and the script. */
  readonly args: readonly string[]
  readonly env: Environment
}

/**
 * Runs the command that `args` name.
 * @returns the exit status: 0 done, or a daemon shut down as asked; 1 failed; 2 misused; 128 + the signal's number where a
 * signal kept a command from finishing what a person waits for
 */
export async function runProgram(input: ProgramInput): Promise<number> {
  try {
    return await dispatch(input)
  } catch (error) {
    if (!(error instanceof UsageError)) throw error
    input.stderr.write(`spegel: ${error.message}\n`)
    return EXIT_USAGE
  }
}

/** Logs what no command was waiting for: a bug, after which nothing is known about the process. */
export function reportUnexpected(error: unknown): void {
  createLog('ERROR').error('unexpected failure', { error })
}

async function dispatch(input: ProgramInput): Promise<number> {
  const { before, name, after } = splitCommand(input.args)
  collectTable(before, GLOBAL_FLAGS)
  const command = name === undefined ? undefined : findCommand(name)
  const collected = collectTable([...before, ...after], { ...command?.table, ...GLOBAL_FLAGS })
  const globals = readFlags(GLOBAL_FLAGS, { ...collected, positionals: [] }, input.env)
  if (globals.help) {
    input.stdout.write(renderHelp(helpPage(command)))
    return 0
  }
  if (globals.version) {
    input.stdout.write(`spegel ${programVersion()}\n`)
    return 0
  }
  if (command === undefined) throw new UsageError(`a command is missing: want ${commandNames().join(', ')}`)
  const run = command.prepare(collected, input.env)
  const { stdout, stderr, signal } = input
  return runCommand(command, run, { log: createLog(globals.logLevel), stdout, stderr, signal })
}

async function runCommand(command: CommandEntry, run: PreparedCommand, context: CommandContext): Promise<number> {
  const { log, signal, stderr } = context
  try {
    await run(context)
    return 0
  } catch (error) {
    if (error instanceof UsageError) throw error
    if (isConsequenceOf(signal, error)) return command.interactive ? interruptedStatus(signal) : 0
    if (command.interactive && stderr.isTTY === true && error instanceof Error) {
      stderr.write(`${styleText('red', `spegel ${command.name}: ${error.message}`, { stream: stderr })}\n`)
    } else {
      log.error(`spegel ${command.name} failed`, { error })
    }
    return EXIT_FAILURE
  }
}

/** The command is the first argument that is neither a global flag nor the value of one. */
function splitCommand(args: readonly string[]): { before: readonly string[]; name?: string; after: readonly string[] } {
  const options = { [GLOBAL_FLAGS.logLevel.name]: { type: 'string' } } as const
  const { tokens } = parseArgs({ args: [...args], strict: false, tokens: true, options })
  const first = tokens.find(token => token.kind === 'positional')
  if (first === undefined) return { before: args, after: [] }
  return { before: args.slice(0, first.index), name: first.value, after: args.slice(first.index + 1) }
}

function commandNames(): readonly string[] {
  return COMMANDS.map(({ name }) => name)
}

function findCommand(name: string): CommandEntry {
  const command = COMMANDS.find(command => command.name === name)
  if (command !== undefined) return command
  const suggestion = closest(name, commandNames())
  const hint = suggestion === undefined ? `want ${commandNames().join(', ')}` : `did you mean ${suggestion}?`
  throw new UsageError(`unknown command ${quote(name)}, ${hint}`)
}

function helpPage(command: CommandEntry | undefined): HelpPage {
  const globals = flagsOf(GLOBAL_FLAGS)
  if (command === undefined) {
    const summary = 'Spegel lets the nodes of a cluster pull images from each other.'
    return { invocation: 'spegel', summary, flags: globals, commands: COMMANDS }
  }
  const { name, summary, table } = command
  return { invocation: `spegel ${name}`, summary, flags: [...flagsOf(table), ...globals] }
}
