import http from 'node:http'
import { isIP } from 'node:net'
import { formatHostPort } from '../../http/host-port.ts'
import { lookupName } from '../../routing/libp2p/name-lookup.ts'
import { forEachAtMost } from '../pull/for-each-at-most.ts'
import type { ProbeEndpoint } from './flags.ts'

/** Go Spegel's limits. */
const MAX_CONCURRENT_PROBES = 10
const PROBE_TIMEOUT_MS = 1000

/** A node has not finished its cleanup, or can't be asked. */
export class ProbeError extends Error {
  readonly code = 'PROBE'

  constructor(what: string, options?: ErrorOptions) {
    super(what, options)
    this.name = 'ProbeError'
  }
}

export interface ProbeOptions {
  readonly signal: AbortSignal
  /** The addresses of a name; default: as the system finds them. */
  readonly lookup?: (name: string, options: { readonly signal: AbortSignal }) => Promise<readonly string[]>
}

/**
 * Asks every address of `endpoint` whether it is ready.
 * @returns how many there are
 * @throws {ProbeError} for the first that is not, and where there is none
 */
export async function probeAll(
  { host, port }: ProbeEndpoint,
  { signal, lookup = lookupName }: ProbeOptions,
): Promise<number> {
  let addresses: readonly string[]
  try {
    addresses = isIP(host) > 0 ? [host] : await lookup(host, { signal })
  } catch (cause) {
    signal.throwIfAborted()
    throw new ProbeError(`${host} can't be looked up`, { cause })
  }
  if (addresses.length === 0) throw new ProbeError(`${host} has no address`)
  await forEachAtMost(MAX_CONCURRENT_PROBES, addresses, {
    signal,
    work: (address, signal) => probe(formatHostPort({ host: address, port }), signal),
  })
  return addresses.length
}

async function probe(address: string, signal: AbortSignal): Promise<void> {
  const deadline = AbortSignal.any([signal, AbortSignal.timeout(PROBE_TIMEOUT_MS)])
  let status: number | undefined
  try {
    status = await statusOf(`http://${address}/readyz`, deadline)
  } catch (cause) {
    signal.throwIfAborted()
    throw new ProbeError(`${address} does not answer`, { cause })
  }
  if (status !== 200) throw new ProbeError(`${address} answers ${status}`)
}

async function statusOf(url: string, signal: AbortSignal): Promise<number | undefined> {
  const { promise, resolve, reject } = Promise.withResolvers<number | undefined>()
  const request = http.get(url, { agent: false, signal }, response => {
    resolve(response.statusCode)
    response.destroy()
  })
  request.on('error', reject)
  return await promise
}
