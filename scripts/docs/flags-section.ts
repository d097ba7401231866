import { COMMANDS } from '../../src/cli/commands.ts'
import { type Flag, flagLabel } from '../../src/cli/flags/flag.ts'
import { flagsOf } from '../../src/cli/flags/read-flags.ts'
import { GLOBAL_FLAGS } from '../../src/cli/program.ts'
import { hostPlatform } from '../../src/cli/pull/host-platform.ts'
import { formatPlatform } from '../../src/oci/platform.ts'
import { markdownTable } from './section.ts'

/** Differs from machine to machine, and the page must not. */
const OWN_PLATFORM = formatPlatform(hostPlatform())

function written({ shape, placeholder, name }: Flag<unknown>): string {
  const label = flagLabel({ name, shape })
  switch (shape) {
    case 'value':
      return `${label} ${placeholder}`
    case 'list':
      return `${label} ${placeholder}...`
    case 'switch':
    case 'choice':
      return `${label}[=${placeholder}]`
    case 'positional':
      return label
    default:
      return shape satisfies never
  }
}

function fallback(flag: Flag<unknown>): string {
  if (flag.default === OWN_PLATFORM) return 'of this machine'
  if (flag.default === undefined || flag.default === '') return flag.shape === 'switch' ? '`false`' : ''
  return `\`${flag.default}\``
}

function table(flags: readonly Flag<unknown>[]): string {
  return markdownTable(
    ['flag', 'default', 'environment', 'meaning'],
    flags.map(flag => [
      `\`${written(flag)}\``,
      fallback(flag),
      flag.env === undefined ? '' : `\`${flag.env}\``,
      flag.help,
    ]),
  )
}

/** By name; what is written without one comes first. */
function inOrder(flags: readonly Flag<unknown>[]): readonly Flag<unknown>[] {
  return flags.toSorted((one, other) => (sortKey(one) < sortKey(other) ? -1 : 1))
}

function sortKey({ shape, name }: Flag<unknown>): string {
  return shape === 'positional' ? '' : name
}

/** All commands with all their flags, as the program reads them. */
export function flagsSection(): string {
  const commands = COMMANDS.map(({ name, summary, table: flags }) => {
    return `## spegel ${name}\n\n${summary}\n\n${table(inOrder(flagsOf(flags)))}`
  })
  return [...commands, `## Every command\n\n${table(flagsOf(GLOBAL_FLAGS))}`].join('\n\n')
}
