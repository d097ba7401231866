import assert from 'node:assert/strict'
import { type PositionalReader, type PulledBody, sendBytes } from '../../src/http/body.ts'
import type { Exchange } from '../../src/http/exchange.ts'
import { startHttpServer } from '../../src/http/server.ts'
import { MemoryLog } from '../fakes/memory-log.ts'
import { RawClient } from './raw-client.ts'

export const KiB = 1024
export const content = Buffer.from(Array.from({ length: 3000 * KiB }, (_, index) => (index * 31 + (index >> 8)) % 256))

/** What came of a handler's one call. */
export type Outcome = { readonly value: unknown } | { readonly error: unknown }

/** Serves every request with `handle` and tells what came of the first. */
export async function serve(handle: (exchange: Exchange) => Promise<unknown>) {
  const outcome = Promise.withResolvers<Outcome>()
  const handler = async (exchange: Exchange): Promise<void> => {
    try {
      outcome.resolve({ value: await handle(exchange) })
    } catch (error) {
      outcome.resolve({ error })
      if (!exchange.response.headersSent) await sendBytes(exchange, { status: 500, headers: {}, body: 'unanswered' })
    }
  }
  const server = await startHttpServer(
    { handler, log: new MemoryLog() },
    { name: 'test', listen: { host: '127.0.0.1', port: 0 } },
  )
  return {
    connect: () => RawClient.connect(server.address),
    url: `http://127.0.0.1:${server.address.port}/`,
    outcome: outcome.promise,
    [Symbol.asyncDispose]: () => server[Symbol.asyncDispose](),
  }
}

export function errorOf(outcome: Outcome): unknown {
  return 'error' in outcome ? outcome.error : assert.fail('the response was sent')
}

export function blobOf(bytes: Buffer): PositionalReader {
  return { read: (into, position) => Promise.resolve(bytes.copy(into, 0, position)) }
}

/** A body of `chunks`; an error among them is thrown in its place. */
export function bodyOf(chunks: readonly (Buffer | Error)[]): PulledBody & { destroyed: boolean } {
  const left = [...chunks]
  return {
    destroyed: false,
    read() {
      const chunk = left.shift()
      return chunk instanceof Error ? Promise.reject(chunk) : Promise.resolve(chunk)
    },
    destroy() {
      this.destroyed = true
    },
  }
}

/** A body that never comes to an end by itself. */
export function endlessBody(): PulledBody & { reads: number; destroyed: boolean } {
  const chunk = Buffer.alloc(64 * KiB)
  return {
    reads: 0,
    destroyed: false,
    read() {
      this.reads += 1
      return this.destroyed ? Promise.reject(new Error('destroyed')) : Promise.resolve(chunk)
    },
    destroy() {
      this.destroyed = true
    },
  }
}
