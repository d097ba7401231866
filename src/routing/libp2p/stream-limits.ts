import type { StreamMuxerFactory } from '@libp2p/interface'
import { systemClock } from '../clock.ts'
import { TokenBucket } from './token-bucket.ts'

/** Streams that a peer may have open on one connection. Stock kad-dht opens one for each query. */
export const MAX_OPEN_STREAMS = 256
/** Streams that a peer may open on one connection at first… */
const STREAM_BURST = 1000
/** …and from then on. */
const STREAMS_PER_SECOND = 100

type CreateFactory<Components> = (components: Components) => StreamMuxerFactory

/** Has a multiplexer end the connection of a peer that opens too many streams, whatever they are for. */
export function limitStreams<Components>(create: CreateFactory<Components>): CreateFactory<Components> {
  return components => {
    const factory = create(components)
    return {
      protocol: factory.protocol,
      createStreamMuxer(connection) {
        const muxer = factory.createStreamMuxer(connection)
        const bucket = new TokenBucket(systemClock, { burst: STREAM_BURST, perSecond: STREAMS_PER_SECOND })
        // libp2p listens a moment later, and streams that come before anyone does are kept for the first who does.
        setImmediate(() =>
          muxer.addEventListener('stream', () => {
            if (muxer.streams.length <= MAX_OPEN_STREAMS && bucket.take()) return
            connection.abort(new Error('too many streams'))
          }),
        )
        return muxer
      },
    }
  }
}
