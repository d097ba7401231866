import type { Exchange } from '../../http/exchange.ts'
import { SECURITY_HEADERS } from './json.ts'

/** Said to a reader that nothing else was said to for a while, so that both ends know that the other is there. */
const HEARTBEAT = ': still here\n\n'

/**
 * An open response of server-sent events. What is sent to a reader that does not keep up is kept in memory, so whoever sends
 * asks first.
 * @see https://html.spec.whatwg.org/multipage/server-sent-events.html
 */
export class EventStream {
  readonly #exchange: Exchange

  /** Sends the head. */
  constructor(exchange: Exchange) {
    this.#exchange = exchange
    const { response } = exchange
    for (const [name, value] of Object.entries(SECURITY_HEADERS)) response.setHeader(name, value)
    response.setHeader('content-type', 'text/event-stream; charset=utf-8')
    response.writeHead(200)
    response.flushHeaders()
  }

  /** Whether the reader has taken what was sent. */
  get keepsUp(): boolean {
    return !this.#exchange.response.writableNeedDrain
  }

  /** Sends what {@link formatEvent} made. */
  send(event: string): void {
    if (!this.#exchange.response.destroyed) this.#exchange.response.write(event)
  }

  heartbeat(): void {
    this.send(HEARTBEAT)
  }

  end(): void {
    this.#exchange.response.end()
  }
}

/** An event, ready to be sent to any number of readers. JSON has no line feeds outside of texts, and escapes those. */
export function formatEvent(name: string, value: unknown): string {
  return `event: ${name}\ndata: ${JSON.stringify(value)}\n\n`
}
