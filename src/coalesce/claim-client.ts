import { formatHostPort } from '../http/host-port.ts'
import type { PeerClient, PeerResponse } from '../http/peer-client.ts'
import { CLAIMS_PATH, encodeClaim, MAX_CLAIM_BYTES, parseAnswer } from './claim.ts'
import type { ClaimSender } from './claimant.ts'
import { ClaimUnsupportedError, InvalidClaimError } from './errors.ts'

/** Longest wait for a connection to a coordinator. */
export const CLAIM_CONNECT_TIMEOUT_MS = 100
/** Longest wait for its response head; whoever claims gives up earlier. */
const HEADERS_TIMEOUT_MS = 2000

/** What a server answers to a path or a method that it does not know. */
const UNSUPPORTED: ReadonlySet<number> = new Set([404, 405, 501])

/** Sends claims to the registry listeners of other nodes. */
export function createClaimSender({ peerClient }: { readonly peerClient: PeerClient }): ClaimSender {
  return {
    async send(coordinator, claim, { signal }) {
      const response = await peerClient.request(
        {
          endpoint: coordinator.registry,
          method: 'POST',
          target: CLAIMS_PATH,
          headers: { 'content-type': 'application/json', 'x-spegel-mirrored': 'true' },
          body: encodeClaim(claim),
        },
        { signal, headersTimeoutMs: HEADERS_TIMEOUT_MS, connectTimeoutMs: CLAIM_CONNECT_TIMEOUT_MS },
      )
      try {
        const peer = formatHostPort(coordinator.registry)
        if (UNSUPPORTED.has(response.status)) throw new ClaimUnsupportedError(peer)
        if (response.status !== 200) throw new InvalidClaimError(`status ${response.status} from ${peer}`)
        return parseAnswer(await readAnswer(response))
      } finally {
        response.body.destroy()
      }
    },
  }
}

async function readAnswer({ headers, body }: PeerResponse): Promise<Buffer> {
  if (!(Number(headers['content-length']) <= MAX_CLAIM_BYTES)) throw new InvalidClaimError('length')
  const chunks: Buffer[] = []
  // A chunk is valid only until the next is read.
  for (let chunk = await body.read(); chunk !== undefined; chunk = await body.read()) chunks.push(Buffer.from(chunk))
  return Buffer.concat(chunks)
}
