import type { Connection, Stream, StreamMessageEvent } from '@libp2p/interface'
import type { Log } from '../../observability/log.ts'
import type { Clock } from '../clock.ts'
import { InvalidKadMessageError } from './errors.ts'
import { FrameReader } from './frame-reader.ts'
import { decodeKadMessage, frameKadMessage, type KadMessage, type KadPeer, kadMessage } from './kad-message.ts'
import type { MemberTable } from './members.ts'
import type { OwnPeer } from './own-peer.ts'
import type { ProviderRecords } from './provider-records.ts'
import { positionOf } from './record-key.ts'
import { TokenBucket } from './token-bucket.ts'

/** Longest request: a key, and one peer with its addresses. */
const MAX_REQUEST_BYTES = 16 * 1024
/** Answers waiting for a peer to read them; beyond it the stream is reset. */
const MAX_UNSENT_BYTES = 4 * 1024 * 1024
/** A stream that brings nothing for so long is closed; peers open another when they need it. */
const IDLE_TIMEOUT_MS = 60_000
/** Messages of one connection at once: a node announces all it has when this one joins. */
const MESSAGE_BURST = 30_000
/** And from then on. A peer over this is disconnected. */
const MESSAGES_PER_SECOND = 1000
/** Peers and providers named in one answer. */
const MAX_NAMED = 20

export interface KadServerComponents {
  readonly log: Log
  readonly clock: Pick<Clock, 'now'>
  readonly members: MemberTable
  readonly records: ProviderRecords
  readonly own: OwnPeer
  /** Whether this node itself holds the record key. */
  readonly provides: (key: Uint8Array) => boolean
}

/** Answers the kad messages of other nodes. Whatever they send costs bounded memory and work. */
export class KadServer {
  readonly #components: KadServerComponents
  readonly #buckets = new WeakMap<Connection, TokenBucket>()

  constructor(components: KadServerComponents) {
    this.#components = components
  }

  /** Serves one stream until it ends. */
  serve(stream: Stream, connection: Connection): void {
    const peer = connection.remotePeer.toMultihash().bytes
    const reader = new FrameReader({ maxFrameBytes: MAX_REQUEST_BYTES })
    const bucket = this.#bucket(connection)
    const idle = setTimeout(() => stream.abort(new Error('idle')), IDLE_TIMEOUT_MS).unref()
    stream.maxWriteBufferLength = MAX_UNSENT_BYTES

    const receive = ({ data }: StreamMessageEvent): void => {
      idle.refresh()
      for (const frame of reader.read(data instanceof Uint8Array ? data : data.subarray())) {
        if (!bucket.take()) {
          this.#components.log.warn('peer sends too many kad messages', { peer: connection.remotePeer.toString() })
          connection.abort(new Error('too many kad messages'))
          return
        }
        const answer = this.answer(decodeKadMessage(frame), peer)
        if (answer !== undefined && !stream.send(frameKadMessage(answer))) pauseUntilDrained(stream)
      }
    }
    stream.addEventListener('message', event => {
      try {
        receive(event)
      } catch (error) {
        this.#components.log.debug('kad stream refused', { peer: connection.remotePeer.toString(), error })
        stream.abort(error instanceof Error ? error : new Error(String(error)))
      }
    })
    stream.addEventListener('remoteCloseWrite', () => {
      stream.close().catch((error: Error) => stream.abort(error))
    })
    stream.addEventListener('close', () => clearTimeout(idle))
  }

  /**
   * The answer to `message`, undefined where none is due.
   * @param from id of the peer that sent it, as its connection proves
   * @throws {InvalidKadMessageError} for what this node refuses.
   */
  answer(message: KadMessage, from: Uint8Array): KadMessage | undefined {
    const { type, key } = message
    switch (type) {
      case 'PING':
        return kadMessage('PING')
      case 'FIND_NODE':
        return kadMessage(type, { key, closer: this.#closer(key, from) })
      case 'GET_PROVIDERS':
        return kadMessage(type, { key, closer: this.#closer(key, from), providers: this.#providers(key) })
      case 'ADD_PROVIDER':
        this.#add(message, from)
        return undefined
      case 'PUT_VALUE':
      case 'GET_VALUE':
        break
    }
    // Values are unauthenticated, and nothing in Spegel uses them: storing any is a way to fill a node's memory.
    throw new InvalidKadMessageError(`${type} is not served`)
  }

  #closer(key: Uint8Array, from: Uint8Array): readonly KadPeer[] {
    if (key.length === 0) throw new InvalidKadMessageError('no key')
    const { members, own } = this.#components
    const closest = members
      .closest(positionOf(key), MAX_NAMED + 1)
      .map(member => member.kadPeer)
      .filter(peer => !isSame(peer.id, from))
      .slice(0, MAX_NAMED)
    // Go asks a node for itself before it takes the node into its routing table.
    return isSame(key, own.idBytes) ? [own.kadPeer, ...closest] : closest
  }

  #providers(key: Uint8Array): readonly KadPeer[] {
    const { own, provides, records } = this.#components
    const sampled = records.sample(key, MAX_NAMED)
    return provides(key) ? [own.kadPeer, ...sampled.slice(0, MAX_NAMED - 1)] : sampled
  }

  /** A provider may announce only itself; what it says of others is ignored. */
  #add({ key, providers }: KadMessage, from: Uint8Array): void {
    if (key.length === 0) throw new InvalidKadMessageError('no key')
    for (const provider of providers) {
      if (isSame(provider.id, from)) this.#components.records.add(key, provider)
    }
  }

  #bucket(connection: Connection): TokenBucket {
    const known = this.#buckets.get(connection)
    if (known !== undefined) return known
    const bucket = new TokenBucket(this.#components.clock, { burst: MESSAGE_BURST, perSecond: MESSAGES_PER_SECOND })
    this.#buckets.set(connection, bucket)
    return bucket
  }
}

/** Takes no more requests from a peer that does not read its answers. */
function pauseUntilDrained(stream: Stream): void {
  if (stream.readStatus === 'paused') return
  stream.pause()
  stream.onDrain().then(
    () => stream.resume(),
    () => {},
  )
}

function isSame(a: Uint8Array, b: Uint8Array): boolean {
  return Buffer.compare(a, b) === 0
}
