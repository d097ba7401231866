import type { IncomingMessage, ServerResponse } from 'node:http'

/** One request and its response, from the parsed head to the last byte. */
export interface Exchange {
  readonly request: IncomingMessage
  readonly response: ServerResponse
  /** Path as sent, still percent-encoded, without the query. */
  readonly path: string
  readonly query: URLSearchParams
  /** Aborts when the client is gone or the server ends its drain. */
  readonly signal: AbortSignal
  /** The `handler` label of metrics and logs; a handler narrows it (`registry` → `manifest`). */
  handler: string
}

/** Answers an exchange or throws: errors become responses in one place (`dispatch.ts`). */
export type Handler = (exchange: Exchange) => Promise<void>
