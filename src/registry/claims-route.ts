import { isIPv4 } from 'node:net'
import { CLAIMS_PATH, type Claim, encodeAnswer, MAX_CLAIM_BYTES, parseClaim } from '../coalesce/claim.ts'
import type { ClaimDesk } from '../coalesce/claim-desk.ts'
import { ClaimRates } from '../coalesce/claim-rates.ts'
import { InvalidClaimError } from '../coalesce/errors.ts'
import type { BasicAuth } from '../http/basic-auth.ts'
import { sendBytes } from '../http/body.ts'
import { isLoopbackClient, unmapped } from '../http/client-address.ts'
import type { Route } from '../http/dispatch.ts'
import { RequestBodyError } from '../http/errors.ts'
import type { Exchange } from '../http/exchange.ts'
import { readBody } from '../http/read-body.ts'
import { DistributionError } from '../oci/distribution-error.ts'
import type { Clock } from '../routing/clock.ts'
import type { Members } from '../routing/router.ts'
import { SlowRefusals } from './slow-refusals.ts'

export interface ClaimsComponents {
  readonly desk: Pick<ClaimDesk, 'claim'>
  readonly members: Pick<Members, 'peerId' | 'find'>
  readonly clock: Clock
}

/**
 * The route by which other nodes claim content at this one (§6 of the design).
 * @param options.basicAuth credentials that they must send; default: none are needed
 */
export function claimsRoute(
  { desk, members, clock }: ClaimsComponents,
  { basicAuth }: { readonly basicAuth?: BasicAuth },
): Route {
  const rates = new ClaimRates({ clock })
  const refusals = new SlowRefusals({ clock })
  const handle = async (exchange: Exchange): Promise<void> => {
    const { request } = exchange
    if (basicAuth !== undefined && !basicAuth.verify(request.headers.authorization)) {
      throw new DistributionError('DENIED', 'the credentials are not those of this mirror')
    }
    const address = request.socket.remoteAddress ?? ''
    if (!rates.take(address)) {
      if (await refusals.hold(exchange)) await sendAnswer(exchange, REFUSED)
      return
    }
    const claim = await readClaim(exchange)
    if (!mayClaim(members, claim, address)) {
      throw new DistributionError('DENIED', `${address} is not the address of ${claim.node}`)
    }
    await sendAnswer(exchange, encodeAnswer(await desk.claim(claim, { signal: exchange.signal })))
  }
  return { path: CLAIMS_PATH, methods: ['POST'], handler: 'claims', handle }
}

const REFUSED = encodeAnswer({ outcome: 'refused' })

async function sendAnswer(exchange: Exchange, body: Buffer): Promise<void> {
  await sendBytes(exchange, { status: 200, headers: { 'content-type': 'application/json' }, body })
}

async function readClaim({ request }: Exchange): Promise<Claim> {
  try {
    return parseClaim(await readBody(request, MAX_CLAIM_BYTES))
  } catch (cause) {
    if (!(cause instanceof InvalidClaimError || cause instanceof RequestBodyError)) throw cause
    throw new DistributionError('UNSUPPORTED', cause.message, { status: 400, cause })
  }
}

/**
 * Whether `claim` may come from `address`: that of the member that it names, where both are of one family. Nodes that share
 * a machine reach each other from any of its loopback addresses, which nobody else can send from.
 */
export function mayClaim(members: ClaimsComponents['members'], { node }: Claim, address: string): boolean {
  if (node === members.peerId) return false
  const host = members.find(node, { evenDoubted: true })?.registry.host
  const client = unmapped(address)
  if (host === undefined || isLoopbackClient(client) || isIPv4(host) !== isIPv4(client)) return true
  return host === client
}
