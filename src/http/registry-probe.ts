import http from 'node:http'
import https from 'node:https'
import { isIP, isIPv4, type LookupFunction } from 'node:net'
import { type RegistryUrl, registryHost } from '../oci/registry-url.ts'
import { isOffLimits } from './off-limits.ts'
import { proxyFor } from './proxy-for.ts'

/** Longest wait for a response head, connecting included: time for one lost packet to be sent again. */
const TIMEOUT_MS = 2000
const CLIENT_NAME = 'spegel'

/** What a probe found. */
export type ProbeResult =
  /** Someone who is asked for a tag there gets an answer from the registry. */
  | { readonly kind: 'answers' }
  | { readonly kind: 'silent'; readonly reason: string }
  /** It would have led into this node, and was not made. */
  | { readonly kind: 'off_limits' }

/** Finds out whether a registry answers. Never rejects. */
export type RegistryProbe = (registry: string, options: { readonly signal: AbortSignal }) => Promise<ProbeResult>

export interface RegistryProbeComponents {
  /** The addresses of a host name; rejects where it has none. */
  readonly resolveName: (name: string, options: { readonly signal: AbortSignal }) => Promise<readonly string[]>
}

export interface RegistryProbeOptions {
  /** Registries that the operator named, with how they are reached: these may be anywhere, on this node as well. */
  readonly named: readonly RegistryUrl[]
  /** `HTTP_PROXY`, `HTTPS_PROXY` and `NO_PROXY`; a proxy may be on this node. Default: no proxy. */
  readonly proxyEnv?: NodeJS.ProcessEnv
  /** Default: 2 s. */
  readonly timeoutMs?: number
}

/** A registry's name has an address that probes stay away from. */
class OffLimitsError extends Error {
  readonly code = 'OFF_LIMITS'
}

/**
 * Makes what probes registries: one GET of `/v2/` without credentials, on a connection of its own. Any answer counts, 401
 * and 429 as well (who has credentials may be served), but for 5xx, with which nobody resolves a tag. Redirects are not
 * followed. The certificate is not verified, because the one that the container runtime trusts is not known here; nothing
 * is sent that would be worth stealing, and a false answer only sends the runtime to the registry, where it does verify.
 *
 * Registries that are not named in the options are probed by https, and only outside of this node.
 */
export function createRegistryProbe(
  { resolveName }: RegistryProbeComponents,
  { named, proxyEnv = {}, timeoutMs = TIMEOUT_MS }: RegistryProbeOptions,
): RegistryProbe {
  const schemes = new Map(named.map(({ registry, scheme }) => [registry, scheme]))
  return async (registry, options) => {
    const scheme = schemes.get(registry)
    const url = URL.parse(`${scheme ?? 'https'}://${registryHost(registry)}/v2/`)
    // Such as an address with too large a number in it.
    if (url === null) return { kind: 'off_limits' }
    const host = url.hostname.replace(/^\[|\]$/g, '')
    const isFree = scheme !== undefined
    if (!isFree && isIP(host) !== 0 && isOffLimits(host)) return { kind: 'off_limits' }
    const signal = AbortSignal.any([options.signal, AbortSignal.timeout(timeoutMs)])
    const lookup = lookupBy(
      name => resolveName(name, { signal }),
      address => isFree || !isOffLimits(address),
    )
    try {
      const request = { lookup, signal, headers: { 'user-agent': CLIENT_NAME } }
      const status = await statusOf(send(url, request, proxyFor(url, proxyEnv)))
      return status < 500 ? { kind: 'answers' } : { kind: 'silent', reason: `status ${status}` }
    } catch (error) {
      if (error instanceof OffLimitsError) return { kind: 'off_limits' }
      if (isTlsAnswer(error)) return { kind: 'answers' }
      return { kind: 'silent', reason: reasonOf(signal.aborted ? signal.reason : error) }
    }
  }
}

function send(url: URL, request: http.RequestOptions, proxy: URL | undefined): http.ClientRequest {
  // Node's own reading of the environment differs from that of container runtimes, so it is told the proxy alone.
  const options = proxy === undefined ? {} : { proxyEnv: { HTTP_PROXY: proxy.href, HTTPS_PROXY: proxy.href } }
  return url.protocol === 'https:'
    ? https.get(url, { ...request, agent: new https.Agent({ ...options, rejectUnauthorized: false }) })
    : http.get(url, { ...request, agent: new http.Agent(options) })
}

/** The status of a response; its body is of no interest. */
async function statusOf(request: http.ClientRequest): Promise<number> {
  const response = await new Promise<http.IncomingMessage>((resolve, reject) => {
    request.on('response', resolve).on('error', reject)
    request.on('close', () => reject(new Error('connection ended without a response')))
  })
  response.destroy()
  return response.statusCode ?? 0
}

function lookupBy(
  resolve: (name: string) => Promise<readonly string[]>,
  isAllowed: (address: string) => boolean,
): LookupFunction {
  const find = async (name: string): Promise<readonly string[]> => {
    const addresses = await resolve(name)
    if (addresses.length === 0) throw new Error(`${name} has no address`)
    if (addresses.every(isAllowed)) return addresses
    throw new OffLimitsError(`${name} has an address on this node`)
  }
  return (name, options, callback) => {
    const answer = async (): Promise<void> => {
      let found
      try {
        found = (await find(name)).map(address => ({ address, family: isIPv4(address) ? 4 : 6 }))
      } catch (error) {
        callback(error instanceof Error ? error : new Error(String(error)), [])
        return
      }
      if (options.all === true) callback(null, found)
      else callback(null, found[0]?.address ?? '', found[0]?.family)
    }
    void answer()
  }
}

/** Whether the other side spoke before the connection failed: it wants a certificate, or plain HTTP. */
function isTlsAnswer(error: unknown): boolean {
  const code: unknown = Reflect.get(Object(error), 'code')
  return typeof code === 'string' && (code.startsWith('ERR_SSL_') || code === 'EPROTO')
}

function reasonOf(error: unknown): string {
  // All addresses of a name were tried: the first is as good as any.
  const one: unknown = error instanceof AggregateError ? (error.errors[0] ?? error) : error
  return one instanceof Error ? one.message : String(one)
}
