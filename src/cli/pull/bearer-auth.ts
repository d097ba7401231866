import { isJsonObject } from '../../oci/json-object.ts'
import { HostError } from './errors.ts'
import { Exchange } from './exchange.ts'

/** Largest token response that is read. */
const MAX_TOKEN_RESPONSE_BYTES = 64 * 1024

/** Where an anonymous token for a registry is to be had. */
export interface BearerChallenge {
  readonly realm: URL
  readonly service?: string
  readonly scope?: string
}

/**
 * Parses the `Bearer` challenge of a `WWW-Authenticate` header; undefined where there is none with a usable realm.
 * @see https://distribution.github.io/distribution/spec/auth/token/
 */
export function parseBearerChallenge(header: string): BearerChallenge | undefined {
  const start = /(?:^|[,\s])Bearer\s+/i.exec(header)
  if (start === null) return undefined
  const parameters = new Map<string, string>()
  const parameter = /([a-z_]+)\s*=\s*(?:"([^"]*)"|([^\s",]+))\s*(?:,\s*|$)/iy
  parameter.lastIndex = start.index + start[0].length
  for (let match = parameter.exec(header); match !== null; match = parameter.exec(header)) {
    const [, name = '', quoted, bare = ''] = match
    parameters.set(name.toLowerCase(), quoted ?? bare)
  }
  const realm = URL.parse(parameters.get('realm') ?? '')
  if (realm === null || (realm.protocol !== 'https:' && realm.protocol !== 'http:')) return undefined
  const service = parameters.get('service')
  const scope = parameters.get('scope')
  return { realm, ...(service === undefined ? {} : { service }), ...(scope === undefined ? {} : { scope }) }
}

/**
 * Fetches a token that allows what anybody may do.
 * @throws {HostError} where the token service does not give one
 */
export async function fetchToken(challenge: BearerChallenge, { signal }: { signal: AbortSignal }): Promise<string> {
  const url = new URL(challenge.realm)
  if (challenge.service !== undefined) url.searchParams.set('service', challenge.service)
  if (challenge.scope !== undefined) url.searchParams.set('scope', challenge.scope)
  await using exchange = await Exchange.open(url, { method: 'GET', headers: {}, signal })
  const { status, host } = exchange
  if (status !== 200) throw new HostError(host, `no anonymous token: status ${status}`, { status })
  const token = parseToken(await exchange.read(MAX_TOKEN_RESPONSE_BYTES))
  if (token === undefined) throw new HostError(host, 'no token in the response')
  return token
}

/** A token goes into a header: printable ASCII without spaces. */
function parseToken(content: Buffer): string | undefined {
  let response: unknown
  try {
    response = JSON.parse(content.toString())
  } catch {
    return undefined
  }
  if (!isJsonObject(response)) return undefined
  const token = response['token'] ?? response['access_token']
  return typeof token === 'string' && /^[\x21-\x7e]+$/.test(token) ? token : undefined
}
