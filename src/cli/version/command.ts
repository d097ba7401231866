import type { CommandContext } from '../command.ts'
import { type FlagValues, value } from '../flags/flag.ts'
import { oneOf } from '../flags/kind.ts'
import { programVersion } from './version.ts'

/** Flags of `spegel version`. */
export const VERSION_FLAGS = {
  format: value({
    name: 'format',
    kind: oneOf(['text', 'json']),
    default: 'text',
    help: 'how to print it',
  }),
}

/** Prints the version of the program and of what it runs on, one line. */
export async function runVersion(flags: FlagValues<typeof VERSION_FLAGS>, context: CommandContext): Promise<void> {
  const version = programVersion()
  const { version: node, platform, arch } = process
  const json = JSON.stringify({ version, node, platform, arch })
  const text = `spegel ${version} (Node.js ${node}, ${platform}/${arch})`
  context.stdout.write(`${flags.format === 'json' ? json : text}\n`)
}
