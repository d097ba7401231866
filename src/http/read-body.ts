import type { IncomingMessage } from 'node:http'
import { RequestBodyError } from './errors.ts'

/**
 * Reads the whole body of a request.
 * @throws {RequestBodyError} where it is longer than `maxBytes`, or breaks off
 */
export async function readBody(request: IncomingMessage, maxBytes: number): Promise<Buffer> {
  const chunks: Buffer[] = []
  let length = 0
  try {
    // A request that is left early as usual is destroyed, and with it the connection that the answer needs.
    for await (const chunk of request.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>) {
      length += chunk.length
      if (length > maxBytes) break
      chunks.push(chunk)
    }
  } catch (cause) {
    throw new RequestBodyError('broke off', { cause })
  }
  if (length > maxBytes) throw new RequestBodyError(`is longer than ${maxBytes} bytes`)
  return Buffer.concat(chunks)
}
