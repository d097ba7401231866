import { randomBytes } from 'node:crypto'
import type { ConnectionEncrypter, MessageStream, PeerId, SecuredConnection } from '@libp2p/interface'
import { isMultiaddr } from '@multiformats/multiaddr'
import type { Log } from '../../observability/log.ts'
import { TwinError } from './errors.ts'
import { endpointOf } from './router-address.ts'

/** Length of what tells a node from any other, whatever its identity. */
const NONCE_BYTES = 16
/** Longest wait for a peer to say which node it is, and for it to have heard the same of this one. */
const EXCHANGE_TIMEOUT_MS = 1000
/** Addresses of twins that are remembered as logged. */
const MAX_LOGGED = 64

/** Told of where another node with this node's identity is: an IP address. */
export type TwinListener = (host: string) => void

type CreateEncrypter<Components> = (components: Components) => ConnectionEncrypter

/**
 * Has an encrypter notice connections to this node's own peer id. libp2p drops them as dials of oneself, which most are: by
 * a name or an address that a node does not know to be its own. But it may be that the disk of another node was cloned;
 * then both are told, and the connection fails with a {@link TwinError}.
 */
export function watchForTwins<Components>(
  create: CreateEncrypter<Components>,
  onTwin: TwinListener,
): CreateEncrypter<Components & { readonly peerId: PeerId }> {
  return components => {
    const encrypter = create(components)
    const nonce = randomBytes(NONCE_BYTES)
    const check = async <T>(stream: MessageStream, secured: SecuredConnection<T>): Promise<SecuredConnection<T>> => {
      if (!secured.remotePeer.equals(components.peerId)) return secured
      if (!(await meetsTwin(secured.connection, nonce))) return secured
      onTwin(hostOf(stream))
      throw new TwinError()
    }
    return {
      protocol: encrypter.protocol,
      secureOutbound: async (stream, options) => check(stream, await encrypter.secureOutbound(stream, options)),
      secureInbound: async (stream, options) => check(stream, await encrypter.secureInbound(stream, options)),
    }
  }
}

/** Logs a twin, once for each address, and adds that to `logged`. */
export function twinLogger(log: Log, logged = new Set<string>()): TwinListener {
  return host => {
    if (logged.has(host) || logged.size >= MAX_LOGGED) return
    logged.add(host)
    log.error('another node has the identity of this one: remove private.key from the data directory of either', {
      host,
    })
  }
}

/**
 * Tells the other end which node this is, and compares. Who says nothing is no twin: a dial of oneself that was given
 * up looks the same.
 */
function meetsTwin(stream: MessageStream, nonce: Buffer): Promise<boolean> {
  const { promise, resolve } = Promise.withResolvers<boolean>()
  let received = Buffer.alloc(0)
  let isTwin = false
  const timer = setTimeout(() => resolve(isTwin), EXCHANGE_TIMEOUT_MS)
  stream.addEventListener('message', ({ data }) => {
    if (received.length >= NONCE_BYTES) return
    received = Buffer.concat([received, data.subarray()])
    if (received.length < NONCE_BYTES) return
    isTwin = !received.subarray(0, NONCE_BYTES).equals(nonce)
    // A connection that its dialler resets may take with it what the other end has not read yet.
    if (stream.direction === 'inbound') resolve(isTwin)
  })
  stream.addEventListener('close', () => resolve(isTwin))
  stream.send(nonce)
  return promise.finally(() => clearTimeout(timer))
}

function hostOf(stream: MessageStream): string {
  const address = 'remoteAddr' in stream ? stream.remoteAddr : undefined
  return (isMultiaddr(address) ? endpointOf(address)?.host : undefined) ?? 'unknown'
}
