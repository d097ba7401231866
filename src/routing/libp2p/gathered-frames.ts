import type { MessageStream, StreamMuxerFactory } from '@libp2p/interface'

/** Gathered bytes beyond which nothing more is waited for. */
const MAX_GATHERED_BYTES = 64 * 1024
/** Longest time that a window update waits for other frames to go with. */
const MAX_WAIT_MS = 1000
/** Room that is granted at once, without waiting. A peer has 256 KiB to send until it needs some. */
const MAX_OWED_BYTES = 64 * 1024
/** Layout of yamux frames: https://github.com/hashicorp/yamux/blob/master/spec.md#framing */
const HEADER_BYTES = 12
const WINDOW_UPDATE = 1
const DELTA_OFFSET = 8

type CreateFactory<Components> = (components: Components) => StreamMuxerFactory
type Data = Parameters<MessageStream['send']>[0]

/**
 * Has yamux send the frames of one moment as one message: each message is encrypted, written and read by itself, which
 * costs a small one most of its time. Yamux grants the peer new room after every frame that it receives; that goes with
 * the next frame, or up to a second later.
 */
export function gatherFrames<Components>(create: CreateFactory<Components>): CreateFactory<Components> {
  return components => {
    const factory = create(components)
    return {
      protocol: factory.protocol,
      createStreamMuxer(connection) {
        const gathered = new GatheredFrames(connection)
        const close: MessageStream['close'] = connection.close.bind(connection)
        connection.send = frame => gathered.add(frame)
        connection.close = async options => {
          gathered.flush()
          await close(options)
        }
        connection.addEventListener('close', () => gathered.end())
        return factory.createStreamMuxer(connection)
      },
    }
  }
}

class GatheredFrames {
  readonly #connection: MessageStream
  readonly #send: MessageStream['send']
  #chunks: Uint8Array[] = []
  #bytes = 0
  /** Room that waits to be granted. */
  #owedBytes = 0
  #isDue = false
  #timer: NodeJS.Timeout | undefined

  constructor(connection: MessageStream) {
    this.#connection = connection
    this.#send = connection.send.bind(connection)
  }

  /** @returns whether the connection takes more, as `send` of a stream does */
  add(frame: Data): boolean {
    this.#chunks.push(...(frame instanceof Uint8Array ? [frame] : frame))
    this.#bytes += frame.byteLength
    const grantedBytes = roomGranted(frame)
    this.#owedBytes += grantedBytes
    if (this.#bytes > MAX_GATHERED_BYTES || this.#owedBytes >= MAX_OWED_BYTES) this.flush()
    else if (grantedBytes > 0) this.#timer ??= setTimeout(() => this.flush(), MAX_WAIT_MS).unref()
    else if (!this.#isDue) {
      this.#isDue = true
      queueMicrotask(() => this.flush())
    }
    return !this.#connection.writableNeedsDrain
  }

  flush(): void {
    const chunks = this.#chunks
    this.end()
    if (chunks.length > 0) this.#send(Buffer.concat(chunks))
  }

  /** The connection has closed. */
  end(): void {
    clearTimeout(this.#timer)
    this.#timer = undefined
    this.#isDue = false
    this.#chunks = []
    this.#bytes = 0
    this.#owedBytes = 0
  }
}

/** How much room `frame` grants, where it does nothing else: those that open or end a stream have flags. Else 0. */
function roomGranted(frame: Data): number {
  if (!(frame instanceof Uint8Array) || frame.length !== HEADER_BYTES) return 0
  const isUpdate = frame[1] === WINDOW_UPDATE && frame[2] === 0 && frame[3] === 0
  return isUpdate ? Buffer.from(frame.buffer, frame.byteOffset, HEADER_BYTES).readUInt32BE(DELTA_OFFSET) : 0
}
