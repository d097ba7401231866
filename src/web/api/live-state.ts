import { once } from 'node:events'
import type { Exchange } from '../../http/exchange.ts'
import { DistributionError } from '../../oci/distribution-error.ts'
import type { ApiComponents } from './components.ts'
import { EventStream, formatEvent } from './event-stream.ts'
import { activityState, membersState, nodeState } from './node-state.ts'

/** Pages that are kept up to date at once. */
const MAX_READERS = 64
const INTERVAL_MS = 1000
/** Rounds without news after which a reader is told that there are none. */
const HEARTBEAT_ROUNDS = 15

type Part = 'node' | 'members' | 'activity' | 'history'

/**
 * Tells any number of pages what changes. What there is to say is put together once a second for all of them, and not at all
 * while there are none.
 */
export class LiveState {
  readonly #components: ApiComponents
  /** Reader → whether it has missed something. */
  readonly #readers = new Map<EventStream, boolean>()
  #last = new Map<Part, string>()
  #timer: NodeJS.Timeout | undefined
  #quietRounds = 0

  constructor(components: ApiComponents) {
    this.#components = components
  }

  /** Keeps `exchange` up to date until its client goes. */
  async serve(exchange: Exchange): Promise<void> {
    if (this.#readers.size >= MAX_READERS) {
      throw new DistributionError('UNSUPPORTED', `${MAX_READERS} pages are open already`, { status: 503 })
    }
    const reader = new EventStream(exchange)
    this.#readers.set(reader, false)
    try {
      this.#start()
      for (const event of this.#last.values()) reader.send(event)
      if (!exchange.signal.aborted) await once(exchange.signal, 'abort')
    } finally {
      this.#readers.delete(reader)
      if (this.#readers.size === 0) this.#stop()
      reader.end()
    }
  }

  #start(): void {
    if (this.#timer !== undefined) return
    this.#last = this.#events()
    this.#timer = setInterval(() => this.#tell(), INTERVAL_MS)
    this.#timer.unref()
  }

  #stop(): void {
    clearInterval(this.#timer)
    this.#timer = undefined
    this.#last.clear()
  }

  #tell(): void {
    const events = this.#events()
    const news = [...events].filter(([part, event]) => this.#last.get(part) !== event).map(([, event]) => event)
    this.#last = events
    this.#quietRounds = news.length === 0 ? this.#quietRounds + 1 : 0
    const isHeartbeat = this.#quietRounds > 0 && this.#quietRounds % HEARTBEAT_ROUNDS === 0
    const text = news.join('')
    for (const [reader, isBehind] of this.#readers) {
      if (reader.keepsUp) {
        const due = isBehind ? [...events.values()].join('') : text
        if (due !== '') reader.send(due)
        else if (isHeartbeat) reader.heartbeat()
      }
      this.#readers.set(reader, !reader.keepsUp && (isBehind || text !== ''))
    }
  }

  #events(): Map<Part, string> {
    const components = this.#components
    // The time alone is no news.
    const { time: _time, ...node } = nodeState(components)
    return new Map<Part, string>([
      ['node', formatEvent('node', node)],
      ['members', formatEvent('members', membersState(components))],
      ['activity', formatEvent('activity', activityState(components))],
      ['history', formatEvent('history', components.metrics.traffic.history('hour'))],
    ])
  }
}
