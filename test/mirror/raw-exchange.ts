import { type Ending, RawClient } from '../http/raw-client.ts'
import { parseHead } from '../http/raw-head.ts'

/** A response as it came over the wire. */
export interface RawResponse {
  readonly status: number
  /** Names in lower case. */
  readonly headers: Readonly<Record<string, string>>
  readonly body: Buffer
  readonly ending: Ending
}

export interface RawRequest {
  readonly method?: 'GET' | 'HEAD'
  readonly target: string
  readonly headers?: Readonly<Record<string, string>>
}

/** Sends one request on a connection of its own and reads until the server ends that. */
export async function rawExchange(
  address: { readonly host: string; readonly port: number },
  { method = 'GET', target, headers = {} }: RawRequest,
): Promise<RawResponse> {
  using client = await RawClient.connect(address)
  const lines = Object.entries({ host: 'node', connection: 'close', ...headers })
  client.send(`${method} ${target} HTTP/1.1\r\n${lines.map(([name, value]) => `${name}: ${value}\r\n`).join('')}\r\n`)
  const ending = await client.ending
  const { received } = client
  const headEnd = received.indexOf('\r\n\r\n')
  const { status, headers: fields } = parseHead(received.toString('latin1', 0, headEnd))
  return { status, headers: Object.fromEntries(fields), body: received.subarray(headEnd + 4), ending }
}
