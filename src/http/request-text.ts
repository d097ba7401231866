import { validateHeaderName, validateHeaderValue } from 'node:http'
import { formatHostPort } from './host-port.ts'
import type { PeerRequest } from './peer-client.ts'

const TARGET = /^[\x21-\x7e]+$/

/**
 * The bytes of a request, as latin1.
 * @param extra more headers, which win
 * @throws {TypeError} where the target or a header can't go on the wire as it is
 */
export function formatRequest(request: PeerRequest, extra: Readonly<Record<string, string>>): string {
  const { method, target, endpoint, body } = request
  if (!TARGET.test(target)) throw new TypeError(`not a request target: ${JSON.stringify(target)}`)
  const lines = [`${method} ${target} HTTP/1.1`]
  for (const [name, value] of Object.entries({ ...request.headers, ...extra })) {
    validateHeaderName(name)
    validateHeaderValue(name, value)
    lines.push(`${name}: ${value}`)
  }
  lines.push(`Host: ${formatHostPort(endpoint)}`, 'Connection: keep-alive')
  if (body !== undefined) lines.push(`Content-Length: ${body.length}`)
  return `${lines.join('\r\n')}\r\n\r\n${body?.toString('latin1') ?? ''}`
}
