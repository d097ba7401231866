import { type ParseArgsOptionsConfig, parseArgs } from 'node:util'
import { quote } from '../../oci/errors.ts'
import type { Shape } from './flag.ts'
import { closest } from './suggest.ts'
import { UsageError } from './usage-error.ts'

/** A command line, taken apart but not understood yet. */
export interface CollectedFlags {
  /** Flag name → its texts: the last ones where it is repeated. */
  readonly flags: ReadonlyMap<string, readonly string[]>
  readonly positionals: readonly string[]
}

/**
 * Takes `args` apart as go-arg does for Go Spegel: `--flag value`, `--flag=value`, `--switch`, `--switch=false`,
 * `--list a b c`, `--list=a`. A repeated flag replaces the earlier one, also a list. After `--` all is positional. Unlike
 * go-arg, `--flag=` gives the empty text instead of taking the next argument.
 *
 * @param shapes the known flags by name
 * @throws {UsageError} for an unknown flag and a missing value
 */
export function collectFlags(args: readonly string[], shapes: ReadonlyMap<string, Shape>): CollectedFlags {
  const { tokens } = parseArgs({
    args: [...args],
    strict: false,
    tokens: true,
    options: Object.fromEntries([...shapes].map(([name, shape]) => [name, optionOf(name, shape)])),
  })
  const flags = new Map<string, string[]>()
  const positionals: string[] = []
  const toPositionals = (text: string): void => void positionals.push(text)
  /** Takes what follows without a name. */
  let take = toPositionals
  for (const token of tokens) {
    if (token.kind === 'positional') {
      take(token.value)
      continue
    }
    take = toPositionals
    if (token.kind === 'option-terminator') continue
    const shape = shapes.get(token.name)
    if (shape === undefined) throw unknownFlag(args[token.index] ?? token.rawName, shapes)
    const isNextFlag = token.inlineValue === false && /^-(?!\d)./.test(token.value)
    if (shape === 'value' && (token.value === undefined || isNextFlag)) {
      throw new UsageError(`${token.rawName}: a value is missing`)
    }
    if (token.value !== undefined) {
      flags.set(token.name, [token.value])
    } else if (shape === 'list') {
      const texts: string[] = []
      flags.set(token.name, texts)
      take = text => texts.push(text)
    } else {
      flags.set(token.name, ['true'])
      if (shape === 'choice') {
        take = text => {
          flags.set(token.name, [text])
          take = toPositionals
        }
      }
    }
  }
  return { flags, positionals }
}

/** To `parseArgs` a list is a boolean too: it must not take the next argument, or `--list=a b` could not be told apart. */
function optionOf(name: string, shape: Shape): ParseArgsOptionsConfig[string] {
  return { type: shape === 'value' ? 'string' : 'boolean', ...(name === 'help' ? { short: 'h' } : {}) }
}

function unknownFlag(argument: string, shapes: ReadonlyMap<string, Shape>): UsageError {
  const [flag = argument] = argument.split('=', 1)
  const name = closest(flag.replace(/^-+/, ''), [...shapes.keys()])
  return new UsageError(`unknown flag ${quote(flag)}${name === undefined ? '' : `, did you mean --${name}?`}`)
}
