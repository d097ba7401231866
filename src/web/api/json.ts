import { sendBytes } from '../../http/body.ts'
import type { Exchange } from '../../http/exchange.ts'
import { DistributionError } from '../../oci/distribution-error.ts'

/** What every answer of the debug pages says: it is of the moment, and no other site's business. */
export const SECURITY_HEADERS = {
  'cache-control': 'no-store',
  'x-content-type-options': 'nosniff',
  'referrer-policy': 'no-referrer',
  'cross-origin-resource-policy': 'same-origin',
} as const

/** Sends a value as JSON. */
export async function sendJson(exchange: Exchange, value: unknown): Promise<void> {
  const headers = { ...SECURITY_HEADERS, 'content-type': 'application/json; charset=utf-8' }
  await sendBytes(exchange, { status: 200, headers, body: JSON.stringify(value) })
}

/** The error of a request that says nothing we understand. */
export function badRequest(message: string, options?: ErrorOptions): DistributionError {
  return new DistributionError('UNSUPPORTED', message, { ...options, status: 400 })
}
