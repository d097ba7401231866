import { styleText } from 'node:util'
import { formatBytes, formatRate } from '../byte-text.ts'
import type { CommandContext } from '../command.ts'
import type { BurstView } from './burst.ts'
import type { BytesBySource, NodePull } from './result.ts'
import type { DemoView } from './scenario.ts'
import type { UpstreamCounts } from './upstream.ts'

/** Shortest time between two paintings of what is on the way. */
const REPAINT_INTERVAL_MS = 100
const DEFAULT_COLUMNS = 80
const NAME_CHARACTERS = 10
const BAR_CHARACTERS = 14
/** A source that sent less of an image than this is left out: two manifests among many megabytes. */
const MIN_SHOWN_PERCENT = 1

type Terminal = CommandContext['stderr']
type Style = Parameters<typeof styleText>[0]

type Row = { readonly state: 'idle' | 'looking' } | { readonly state: 'pulling' | 'pulled'; readonly pull: NodePull }

/** Shows the pulls: on a terminal as a table that is repainted, elsewhere as a line a step. */
export class LiveTable implements DemoView, BurstView {
  readonly #terminal: Terminal
  readonly #imageBytes: number
  readonly #rows: Map<string, Row>
  #upstream: 'serving' | 'stopped' = 'serving'
  #asked = ''
  #paintedLines = 0
  #paintedAtMs = Number.NEGATIVE_INFINITY

  constructor(terminal: Terminal, options: { readonly nodes: readonly string[]; readonly imageBytes: number }) {
    this.#terminal = terminal
    this.#imageBytes = options.imageBytes
    this.#rows = new Map(options.nodes.map(node => [node, { state: 'idle' }]))
    this.#paint()
  }

  looking(node: string): void {
    this.#update(node, { state: 'looking' })
  }

  pulling(pull: NodePull): void {
    this.#rows.set(pull.node, { state: 'pulling', pull })
    if (performance.now() - this.#paintedAtMs >= REPAINT_INTERVAL_MS) this.#paint()
  }

  pulled(pull: NodePull): void {
    this.#update(pull.node, { state: 'pulled', pull })
    const { node, seconds, bytes, from } = pull
    this.#line(`${node} has the image: ${formatBytes(bytes)} in ${seconds.toFixed(2)} s from ${sources(from)}`)
  }

  upstreamStopped(): void {
    this.#upstream = 'stopped'
    this.#paint()
    this.#line('upstream is switched off')
  }

  upstreamAsked({ blobRequests, blobBytes }: Pick<UpstreamCounts, 'blobRequests' | 'blobBytes'>): void {
    this.#asked = `${formatBytes(blobBytes)} in ${blobRequests} requests`
    this.#paint()
    this.#line(`upstream sent ${this.#asked} to ${this.#rows.size} nodes`)
  }

  #update(node: string, row: Row): void {
    this.#rows.set(node, row)
    this.#paint()
  }

  /** For a reader that is no terminal. */
  #line(text: string): void {
    if (this.#terminal.isTTY !== true) this.#terminal.write(`${text}\n`)
  }

  #paint(): void {
    if (this.#terminal.isTTY !== true) return
    const lines = [this.#upstreamLine(), ...[...this.#rows].map(([node, row]) => this.#rowLine(node, row))]
    const back = this.#paintedLines === 0 ? '' : `\x1b[${this.#paintedLines}A\r\x1b[J`
    // Lines that are cut off instead of wrapped keep the count of lines right.
    this.#terminal.write(`\x1b[?7l${back}${lines.join('\n')}\n\x1b[?7h`)
    this.#paintedLines = lines.length
    this.#paintedAtMs = performance.now()
  }

  #upstreamLine(): string {
    const state = this.#upstream === 'serving' ? this.#style('green', '● on') : this.#style('red', '○ switched off')
    return `  ${'upstream'.padEnd(NAME_CHARACTERS)} ${state}${this.#asked === '' ? '' : `, sent ${this.#asked}`}`
  }

  #rowLine(node: string, row: Row): string {
    const name = `  ${hostOf(node).padEnd(NAME_CHARACTERS)} `
    switch (row.state) {
      case 'idle':
        return name + this.#style('dim', '·'.repeat(BAR_CHARACTERS))
      case 'looking':
        return `${name}${this.#style('dim', '·'.repeat(BAR_CHARACTERS))}  looking for the image at its peers`
      case 'pulling':
      case 'pulled':
        return name + this.#progress(row.pull, { done: row.state === 'pulled', columnsBefore: name.length })
      default:
        return row satisfies never
    }
  }

  #progress({ seconds, bytes, from }: NodePull, options: { done: boolean; columnsBefore: number }): string {
    const filled = Math.round(Math.min(1, bytes / this.#imageBytes) * BAR_CHARACTERS)
    const color = options.done ? 'green' : 'cyan'
    const bar = this.#style(color, '━'.repeat(filled)) + this.#style('dim', '·'.repeat(BAR_CHARACTERS - filled))
    const speed = `${`${seconds.toFixed(2)} s`.padStart(9)} ${formatRate(bytes, seconds).padStart(11)}  `
    const room = (this.#terminal.columns ?? DEFAULT_COLUMNS) - options.columnsBefore - BAR_CHARACTERS - speed.length - 2
    return `${bar}${speed}${this.#style('dim', '←')} ${cut(shares(from, bytes), room)}`
  }

  #style(style: Style, text: string): string {
    return styleText(style, text, { stream: this.#terminal })
  }
}

/** Who sent how much, most first. */
function ranked(from: BytesBySource): readonly (readonly [source: string, bytes: number])[] {
  return Object.entries(from).toSorted(([, a], [, b]) => b - a)
}

function sources(from: BytesBySource): string {
  return ranked(from)
    .map(([source, bytes]) => `${source} ${formatBytes(bytes)}`)
    .join(', ')
}

/** As {@link sources}, to fit in a table: `127.0.0.1 60%, .2 40%`. */
function shares(from: BytesBySource, total: number): string {
  const shown = ranked(from).map(([source, bytes]) => ({ host: hostOf(source), percent: (100 * bytes) / total }))
  return shown
    .filter(({ percent }) => percent >= MIN_SHOWN_PERCENT)
    .map(({ host, percent }, index) => {
      const name = index === 0 ? host : host.replace(/^127\.0\.0(?=\.)/, '')
      return percent > 99 ? name : `${name} ${Math.round(percent)}%`
    })
    .join(', ')
}

function hostOf(node: string): string {
  return node.replace(/:\d+$/, '')
}

function cut(text: string, columns: number): string {
  return text.length > columns ? `${text.slice(0, Math.max(0, columns - 1))}…` : text
}
