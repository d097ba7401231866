import { type Flag, flagLabel } from './flag.ts'

/** What help says of a command, or of the program. */
export interface HelpPage {
  /** The words that start it, such as `spegel pull`. */
  readonly invocation: string
  /** One sentence. */
  readonly summary: string
  readonly flags: readonly Flag<unknown>[]
  /** Commands of the program: name and summary. */
  readonly commands?: readonly { readonly name: string; readonly summary: string }[]
}

const MAX_COLUMNS = 80
const INDENT = ' '.repeat(6)

/** The help text of a page, ending in a line feed. */
export function renderHelp(page: HelpPage): string {
  const positionals = page.flags.filter(flag => flag.shape === 'positional')
  const named = page.flags.filter(flag => flag.shape !== 'positional')
  const usage = [page.invocation, ...(page.commands ? ['<command>'] : []), ...positionals.map(flagLabel), '[flags]']
  const sections = [page.summary, `Usage: ${usage.join(' ')}`]
  if (positionals.length > 0) sections.push(positionals.map(describe).join('\n'))
  if (page.commands !== undefined) sections.push(`Commands:\n${describeCommands(page.commands)}`)
  sections.push(`Flags:\n${named.map(describe).join('\n')}`)
  return `${sections.join('\n\n')}\n`
}

function describeCommands(commands: NonNullable<HelpPage['commands']>): string {
  const width = Math.max(...commands.map(({ name }) => name.length))
  return commands.map(({ name, summary }) => `  ${name.padEnd(width)}  ${summary}`).join('\n')
}

/** How the flag is written; below that what it does, and its presets. */
function describe(flag: Flag<unknown>): string {
  const presets = [
    ...(flag.default === undefined || flag.default === '' ? [] : [`default ${flag.default}`]),
    ...(flag.env === undefined ? [] : [`env ${flag.env}`]),
  ]
  const below = [flag.help, ...(presets.length === 0 ? [] : [presets.join(', ')])]
  return [`  ${flagLabel(flag)}${synopsis(flag)}`, ...below.flatMap(wrap)].join('\n')
}

/** Indented lines of `text` that are no wider than a terminal, unless a word is. */
function wrap(text: string): readonly string[] {
  const lines: string[] = []
  let line = INDENT
  for (const word of text.split(' ')) {
    if (line !== INDENT && line.length + 1 + word.length > MAX_COLUMNS) {
      lines.push(line)
      line = INDENT
    }
    line += line === INDENT ? word : ` ${word}`
  }
  return [...lines, line]
}

function synopsis(flag: Flag<unknown>): string {
  switch (flag.shape) {
    case 'value':
      return ` ${flag.placeholder}`
    case 'list':
      return ` ${flag.placeholder}...`
    case 'switch':
      return flag.default === 'true' ? `[=${flag.placeholder}]` : ''
    case 'choice':
      return `[=${flag.placeholder}]`
    case 'positional':
      return ''
    default:
      return flag.shape satisfies never
  }
}
