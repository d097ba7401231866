import type { Writable } from 'node:stream'
import { formatBytes } from '../byte-text.ts'
import type { CommandContext } from '../command.ts'
import type { PullFlags } from './flags.ts'
import { LogProgress } from './progress.ts'
import { ProgressBars } from './progress-bars.ts'
import { type PullResult, pullImage } from './pull-image.ts'

/**
 * `spegel pull`: progress goes to stderr, the result to stdout, each for people on a terminal and as JSON lines otherwise.
 * Errors are those of {@link pullImage}.
 */
export async function runPull(flags: PullFlags, { log, signal, stdout, stderr }: CommandContext): Promise<void> {
  const progress = stderr.isTTY === true ? new ProgressBars(stderr) : new LogProgress(log)
  const result = await pullImage({ ...flags, progress }, { signal })
  stdout.write(`${isTerminal(stdout) ? describe(result) : JSON.stringify(result)}\n`)
}

function isTerminal(stream: Writable): boolean {
  return 'isTTY' in stream && stream.isTTY === true
}

function describe({ reference, digest, bytes, seconds, from }: PullResult): string {
  const sources = Object.entries(from).map(([source, count]) => `${formatBytes(count)} from ${source}`)
  const origin = sources.length > 0 ? `: ${sources.join(', ')}` : ''
  return `Pulled ${reference} (${digest}), ${formatBytes(bytes)} in ${seconds.toFixed(1)} s${origin}`
}
