import type { Writable } from 'node:stream'
import { styleText } from 'node:util'
import { formatBytes, formatRate } from '../byte-text.ts'
import type { BurstResult, DemoResult, NodePull } from './result.ts'

/** What the demo has shown, for a person. Styled where `stream` is a terminal. */
export function renderSummary(result: DemoResult, stream: Writable): string {
  const { ok, nodes, bytes, upstream, pulls, burst } = result
  const verdict = ok
    ? styleText('green', `✓ ${nodes} nodes have the whole image, every digest verified.`, { stream })
    : styleText('red', '✗ Not every node has the whole image.', { stream })
  const { manifestRequests, blobRequests, blobBytes } = upstream
  const asked = `${formatBytes(blobBytes)} in ${manifestRequests + blobRequests} requests`
  const spared = `${nodes} direct pulls would be ${formatBytes(nodes * bytes)}`
  const [cold, ...warm] = pulls
  return [
    '',
    verdict,
    '',
    `  upstream    ${asked}; ${spared}`,
    ...(cold === undefined ? [] : [`  cold pull   ${speed([cold])}`]),
    ...(warm.length === 0 ? [] : [`  warm pulls  ${speed(warm)} from other nodes, upstream switched off`]),
    ...(burst === undefined ? [] : renderBurst(burst)),
    '',
  ].join('\n')
}

/** Where the nodes can be looked at while they stay up. */
export function renderMetricsUrls(nodes: readonly { readonly metricsUrl: string }[]): string {
  const urls = nodes.map(({ metricsUrl }) => `  ${new URL('/debug/web/', metricsUrl).href}  (metrics: ${metricsUrl})\n`)
  return `\nThe nodes stay up; Ctrl-C stops them.\n${urls.join('')}`
}

function renderBurst({ nodes, bytes, upstream, seconds, directSeconds }: BurstResult): readonly string[] {
  const asked = `${formatBytes(upstream.blobBytes)} from upstream in ${upstream.blobRequests} requests`
  const last = `the last after ${Math.max(...seconds).toFixed(2)} s`
  return [
    `  burst       ${nodes} nodes pull ${formatBytes(bytes)} at once: ${asked}`,
    `              ${last}; one direct pull takes ${directSeconds.toFixed(2)} s`,
  ]
}

function speed(pulls: readonly NodePull[]): string {
  const seconds = pulls.reduce((sum, pull) => sum + pull.seconds, 0)
  const bytes = pulls.reduce((sum, pull) => sum + pull.bytes, 0)
  return `${(seconds / pulls.length).toFixed(2)} s${pulls.length > 1 ? ' on average' : ''}, ${formatRate(bytes, seconds)}`
}
