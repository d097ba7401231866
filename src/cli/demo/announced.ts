import { setTimeout } from 'node:timers/promises'
import { Exchange } from '../pull/exchange.ts'
import { NodeFailedError } from './errors.ts'

const TIMEOUT_MS = 30_000
const POLL_MS = 50

/** Far more than a node exposes. */
const MAX_EXPOSITION_BYTES = 4 * 1024 * 1024

const ADVERTISED = /^spegel_advertised_content_digests\{[^}]*\} (?<count>\d+)$/gm

/** Waits until the node says that it has announced `count` pieces of content to its peers. */
export async function untilAnnounced(
  node: { readonly name: string; readonly metricsUrl: string },
  count: number,
  options: { readonly signal: AbortSignal },
): Promise<void> {
  const deadlineMs = performance.now() + TIMEOUT_MS
  for (;;) {
    if ((await countAnnounced(node.metricsUrl, options)) >= count) return
    if (performance.now() > deadlineMs) throw new NodeFailedError(node.name, 'did not announce what it has', '')
    await setTimeout(POLL_MS, undefined, options)
  }
}

async function countAnnounced(metricsUrl: string, options: { readonly signal: AbortSignal }): Promise<number> {
  await using exchange = await Exchange.open(new URL(metricsUrl), { method: 'GET', headers: {}, ...options })
  const exposition = (await exchange.read(MAX_EXPOSITION_BYTES)).toString()
  return [...exposition.matchAll(ADVERTISED)].reduce((sum, { groups }) => sum + Number(groups?.['count']), 0)
}
