import { nodeInWords } from '../../web/api/in-words.ts'
import type { MemberState, RequestState } from '../../web/api/state.ts'
import { formatBytes, formatRate } from '../byte-text.ts'
import type { Status } from './fetch-status.ts'

/** Requests that are shown. */
const MAX_REQUESTS = 10

/** The cluster as one node sees it, as tables. */
export function renderStatus({ node, members, total, running, recent, day }: Status): string {
  const { totals } = node
  const sections = [
    `${nodeInWords(node, day)}\n` +
      `Spegel ${node.version}, registry ${node.registry}, ${node.images} images\n` +
      `Served from peers ${formatBytes(totals.peer + totals.in_progress)}, from here ${formatBytes(totals.store)}; ` +
      `sent to peers ${formatBytes(totals.upload)}; misses ${totals.misses}`,
  ]
  if (members.length > 0)
    sections.push(table(['PEER', 'LATENCY', 'RATE', 'RECEIVED', 'SENT', 'STATE'], members.map(memberRow)))
  if (total > members.length) sections.push(`and ${total - members.length} more`)
  const requests = [...running, ...recent].slice(0, MAX_REQUESTS)
  if (requests.length > 0)
    sections.push(table(['OUTCOME', 'BYTES', 'TIME', 'FROM', 'REQUEST'], requests.map(requestRow)))
  return `${sections.join('\n\n')}\n`
}

function memberRow(member: MemberState): readonly string[] {
  const { address, latencyMs, bytesPerSecond, receivedBytes, sentBytes, failures, quarantine } = member
  const seconds = Math.ceil((quarantine?.remainingMs ?? 0) / 1000)
  const failing = failures === 0 ? 'well' : `${failures} failures`
  return [
    address,
    latencyMs === undefined ? '-' : `${latencyMs.toFixed(1)} ms`,
    bytesPerSecond === undefined ? '-' : formatRate(bytesPerSecond, 1),
    formatBytes(receivedBytes),
    formatBytes(sentBytes),
    quarantine === undefined ? failing : `not asked for ${seconds} s: ${quarantine.reason}`,
  ]
}

function requestRow({ outcome, reason, bytes, ms, from, client, name }: RequestState): readonly string[] {
  const sent = Object.values(bytes).reduce((sum, each) => sum + each, 0)
  return [
    reason === undefined ? outcome : `${outcome}: ${reason}`,
    formatBytes(sent),
    `${ms.toFixed(0)} ms`,
    from === 'peer' ? client : 'local',
    name,
  ]
}

function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const lines = [head, ...rows].map(row => row.map(cell => cell.replaceAll(/\p{C}/gu, '�')))
  const widths = head.map((_, column) => Math.max(...lines.map(line => line[column]?.length ?? 0)))
  return lines
    .map(line =>
      line
        .map((cell, column) => cell.padEnd(widths[column] ?? 0))
        .join('  ')
        .trimEnd(),
    )
    .join('\n')
}
