import { styleText } from 'node:util'
import type { Finding, FindingStatus } from './finding.ts'

const COLOURS = { ok: 'green', warning: 'yellow', failure: 'red' } as const satisfies Record<FindingStatus, string>
const STATUS_WIDTH = 'failure'.length + 2

export interface ReportOptions {
  /** What is written to: it says whether colours are wanted. */
  readonly stream: NodeJS.WritableStream
}

/** One line for each finding, with the remedy below it. */
export function renderReport(findings: readonly Finding[], { stream }: ReportOptions): string {
  const lines = findings.flatMap(({ status, summary, remedy }) => {
    const label = styleText(COLOURS[status], status.padEnd(STATUS_WIDTH), { stream })
    return [
      label + oneLine(summary),
      ...(remedy === undefined ? [] : [`${' '.repeat(STATUS_WIDTH)}→ ${oneLine(remedy)}`]),
    ]
  })
  return `${lines.join('\n')}\n`
}

/** The same for programs. */
export function reportJson(findings: readonly Finding[]): string {
  return `${JSON.stringify({ ok: findings.every(({ status }) => status !== 'failure'), findings })}\n`
}

/** Names from files and from the network may hold anything; a terminal must not obey it. */
function oneLine(text: string): string {
  return text.replaceAll(/\p{C}/gu, '�')
}
