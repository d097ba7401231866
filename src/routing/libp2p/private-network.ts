import { randomBytes } from 'node:crypto'
import {
  type AbortOptions,
  type ComponentLogger,
  type ConnectionProtector,
  type MultiaddrConnection,
  StreamStateError,
} from '@libp2p/interface'
import { AbstractMultiaddrConnection, byteStream } from '@libp2p/utils'
import { endpointOf } from './router-address.ts'
import { XSalsa20Stream } from './xsalsa20-stream.ts'

/** What a dial reports once its peer has accepted it: from then on the peer may need CPU time to answer. */
export const ACCEPTED_EVENT = 'private-network:accepted'

const NONCE_BYTES = 24
/** What a dialler says first, in the protocol that all negotiation in libp2p goes by. */
const GREETING = Buffer.from('\x13/multistream/1.0.0\n')
/** Longest wait for whoever connects to prove that it has the key, which takes no CPU time worth mentioning. */
const PROOF_TIMEOUT_MS = 3000
/** Connections from one address that have yet to prove it. Several nodes may share one (loopback, NAT). */
const MAX_UNPROVEN = 16
/** Bytes that whoever has yet to prove it can make this node hold. */
const MAX_UNPROVEN_BYTES = 4096

interface Components {
  readonly logger: ComponentLogger
}

/**
 * Lets only those connect who have `key` (32 bytes): libp2p's private network, `/key/swarm/psk/1.0.0/`. Each side sends a
 * random nonce; all that follows is XSalsa20 under the key and the nonce of who sends it. An outsider gets to see the
 * nonce and nothing else: before anything is answered, a dialler's first bytes must decrypt to what they have to be.
 *
 * It is not `@libp2p/pnet`, with which it is compatible: the WebAssembly memory that its cipher takes for each connection is
 * never released, so that from some five thousand on, whoever made them, a node can neither dial nor be dialled.
 * @see https://github.com/libp2p/specs/blob/master/pnet/Private-Networks-PSK-V1.md
 */
export function privateNetwork(key: Uint8Array): (components: Components) => ConnectionProtector {
  const unproven = new Map<string, number>()
  return () => ({
    async protect(raw: MultiaddrConnection, options?: AbortOptions) {
      if (raw.direction === 'outbound') {
        reportAccepted(options)
        return await exchangeNonces(raw, key, options)
      }
      const host = endpointOf(raw.remoteAddr)?.host ?? ''
      const waiting = unproven.get(host) ?? 0
      if (waiting >= MAX_UNPROVEN) throw new Error(`too many connections of ${host} are unproven`)
      unproven.set(host, waiting + 1)
      try {
        const timeout = AbortSignal.timeout(PROOF_TIMEOUT_MS)
        const signal = options?.signal === undefined ? timeout : AbortSignal.any([options.signal, timeout])
        return await greeted(await exchangeNonces(raw, key, { signal }), { signal })
      } finally {
        const left = (unproven.get(host) ?? 1) - 1
        if (left > 0) unproven.set(host, left)
        else unproven.delete(host)
      }
    },
  })
}

async function exchangeNonces(
  raw: MultiaddrConnection,
  key: Uint8Array,
  options: AbortOptions | undefined,
): Promise<ProtectedConnection> {
  const bytes = byteStream(raw, { maxBufferSize: MAX_UNPROVEN_BYTES })
  const nonce = randomBytes(NONCE_BYTES)
  const [received] = await Promise.all([bytes.read({ ...options, bytes: NONCE_BYTES }), bytes.write(nonce, options)])
  const theirs = received.subarray()
  // Whoever sends back what it gets would be understood, as far as it knows what this node says.
  if (nonce.equals(theirs)) throw new Error('the peer reflects what it is sent')
  return new ProtectedConnection(bytes.unwrap(), {
    inbound: new XSalsa20Stream({ key, nonce: theirs }),
    outbound: new XSalsa20Stream({ key, nonce }),
  })
}

/** Has a dialler prove that it has the key. */
async function greeted(connection: ProtectedConnection, options: AbortOptions): Promise<ProtectedConnection> {
  const bytes = byteStream(connection, { maxBufferSize: MAX_UNPROVEN_BYTES })
  const first = await bytes.read({ ...options, bytes: GREETING.length })
  bytes.unwrap()
  if (!GREETING.equals(first.subarray())) throw new Error('the peer does not have the key of this network')
  connection.unshift(first)
  return connection
}

/** What runs a dial passes its listener on, though the interface does not say so. */
function reportAccepted(options: AbortOptions | undefined): void {
  const onProgress: unknown = Reflect.get(options ?? {}, 'onProgress')
  if (typeof onProgress === 'function') onProgress({ type: ACCEPTED_EVENT })
}

interface Ciphers {
  readonly inbound: XSalsa20Stream
  readonly outbound: XSalsa20Stream
}

class ProtectedConnection extends AbstractMultiaddrConnection {
  readonly #raw: MultiaddrConnection
  readonly #ciphers: Ciphers

  constructor(raw: MultiaddrConnection, ciphers: Ciphers) {
    const { remoteAddr, direction } = raw
    super({ remoteAddr, direction, log: raw.log.newScope('private-network') })
    this.#raw = raw
    this.#ciphers = ciphers
    raw.addEventListener('message', ({ data }) => {
      if (ciphers.inbound.hasRoomFor(data.byteLength)) this.onData(ciphers.inbound.apply(data.subarray()))
      else this.abort(new Error('the peer has sent more than one connection carries'))
    })
    raw.addEventListener('drain', () => this.safeDispatchEvent('drain'))
    raw.addEventListener('close', ({ error, local }) => {
      if (error === undefined) this.onTransportClosed()
      else if (local === true) this.abort(error)
      else this.onRemoteReset()
    })
  }

  sendData(data: { readonly byteLength: number; subarray(): Uint8Array }): { sentBytes: number; canSendMore: boolean } {
    const { byteLength } = data
    const { outbound } = this.#ciphers
    if (!outbound.hasRoomFor(byteLength)) {
      queueMicrotask(() => this.abort(new Error('more was sent than one connection carries')))
      throw new StreamStateError('the connection has carried all that it can')
    }
    return { sentBytes: byteLength, canSendMore: this.#raw.send(outbound.apply(data.subarray())) }
  }

  async sendClose(options?: AbortOptions): Promise<void> {
    await this.#raw.close(options)
  }

  sendReset(error: Error): void {
    this.#raw.abort(error)
  }

  sendPause(): void {
    this.#raw.pause()
  }

  sendResume(): void {
    this.#raw.resume()
  }
}
