import http from 'node:http'

/** Longest wait for an answer. */
const TIMEOUT_MS = 2000
/** Most that is read of one. */
const MAX_BODY_BYTES = 8 * 1024 * 1024

/** What answered. */
export interface ProbeAnswer {
  readonly status: number
  /** What its clock says, in milliseconds since the epoch, to the second; undefined where it does not say. */
  readonly date: number | undefined
  /** Milliseconds since the epoch half way between request and answer. */
  readonly at: number
  readonly body: string
}

/**
 * Asks `url` once, without a proxy.
 * @throws where nothing answers in time, or with more than is reasonable
 */
export async function probe(url: string, { signal }: { readonly signal: AbortSignal }): Promise<ProbeAnswer> {
  const limited = AbortSignal.any([signal, AbortSignal.timeout(TIMEOUT_MS)])
  const startedAt = Date.now()
  const { promise, resolve, reject } = Promise.withResolvers<http.IncomingMessage>()
  http.get(url, { agent: false, signal: limited }, resolve).on('error', reject)
  const response = await promise
  const at = (startedAt + Date.now()) / 2
  const chunks: Buffer[] = []
  let length = 0
  const body: AsyncIterable<Buffer> = response
  for await (const chunk of body) {
    length += chunk.length
    if (length > MAX_BODY_BYTES) throw new RangeError(`${url} answers with more than ${MAX_BODY_BYTES} bytes`)
    chunks.push(chunk)
  }
  const date = Date.parse(response.headers.date ?? '')
  return {
    status: response.statusCode ?? 0,
    date: Number.isNaN(date) ? undefined : date,
    at,
    body: Buffer.concat(chunks).toString(),
  }
}
