import type { CommandContext } from '../command.ts'
import { localUrl } from '../local-url.ts'
import { fetchStatus } from './fetch-status.ts'
import type { StatusFlags } from './flags.ts'
import { renderStatus } from './render-status.ts'

/**
 * Prints the cluster as this node sees it.
 * @throws {StatusError} where the node can't be asked
 */
export async function runStatus({ metricsAddr, json }: StatusFlags, { signal, stdout }: CommandContext): Promise<void> {
  const status = await fetchStatus(localUrl(metricsAddr), { signal })
  stdout.write(json ? `${JSON.stringify(status)}\n` : renderStatus(status))
}
