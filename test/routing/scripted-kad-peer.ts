import type { Connection, Libp2p, PrivateKey, Stream } from '@libp2p/interface'
import { FrameReader } from '../../src/routing/libp2p/frame-reader.ts'
import {
  decodeKadMessage,
  frameKadMessage,
  type KadMessage,
  type KadPeer,
  kadMessage,
} from '../../src/routing/libp2p/kad-message.ts'
import { createNode, KAD_PROTOCOL, startNode } from '../../src/routing/libp2p/node.ts'
import { OwnPeer } from '../../src/routing/libp2p/own-peer.ts'
import { multiaddrOf } from '../../src/routing/libp2p/router-address.ts'
import type { Endpoint } from '../../src/routing/router.ts'
import { ManualClock } from '../fakes/manual-clock.ts'

/** Answers one message; undefined leaves it without an answer. */
export type Script = (message: KadMessage, stream: Stream) => KadMessage | undefined

/** Answers as a node that knows nobody and holds nothing. */
export const emptyNode: Script = ({ type, key }) => (type === 'ADD_PROVIDER' ? undefined : kadMessage(type, { key }))

/** A real libp2p node whose kad answers a test writes. */
export class ScriptedKadPeer implements AsyncDisposable {
  readonly node: Libp2p
  /** Every message that came, in order. */
  readonly received: KadMessage[] = []
  script: Script
  readonly #own: OwnPeer

  private constructor(node: Libp2p, script: Script) {
    this.node = node
    this.script = script
    this.#own = new OwnPeer({ node, clock: new ManualClock() })
  }

  static async start(options: {
    readonly host: string
    readonly port?: number
    readonly script?: Script
    /** False leaves the kad protocol out, as a mere client does. */
    readonly serves?: boolean
    /** Default: a new one. */
    readonly identity?: PrivateKey
    /** Of a private network; default: open. */
    readonly networkKey?: Uint8Array
  }): Promise<ScriptedKadPeer> {
    const listen = { host: options.host, port: options.port ?? 0 }
    const { identity, networkKey } = options
    const node = await createNode({
      listen,
      ...(identity === undefined ? {} : { identity }),
      ...(networkKey === undefined ? {} : { networkKey }),
    })
    const peer = new ScriptedKadPeer(node, options.script ?? emptyNode)
    if (options.serves !== false) await node.handle(KAD_PROTOCOL, stream => peer.#serve(stream))
    await startNode(node, listen)
    return peer
  }

  get id(): string {
    return this.#own.id
  }

  get endpoint(): Endpoint {
    const [endpoint] = this.#own.endpoints
    if (endpoint === undefined) throw new Error('not listening')
    return endpoint
  }

  get multiaddr(): string {
    return multiaddrOf(this.endpoint, this.id).toString()
  }

  get kadPeer(): KadPeer {
    return this.#own.kadPeer
  }

  connect(endpoint: Endpoint): Promise<Connection> {
    return this.node.dial(multiaddrOf(endpoint), { force: true })
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const connection of this.node.getConnections()) connection.abort(new Error('the test is over'))
    await this.node.stop()
  }

  #serve(stream: Stream): void {
    const reader = new FrameReader({ maxFrameBytes: 1024 * 1024 })
    stream.addEventListener('message', ({ data }) => {
      for (const frame of reader.read(data.subarray())) {
        const message = decodeKadMessage(frame)
        this.received.push(message)
        const answer = this.script(message, stream)
        if (answer !== undefined && stream.writeStatus === 'writable') stream.send(frameKadMessage(answer))
      }
    })
  }
}
