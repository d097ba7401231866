import type { ConnectionEncrypter, MessageStream } from '@libp2p/interface'

type CreateEncrypter<Components> = (components: Components) => ConnectionEncrypter

/**
 * Has an encrypter write each of its messages at once. Noise puts the length of a message in front of it as a chunk of its
 * own, and libp2p's TCP makes a system call, a packet and a wake-up of the peer out of every chunk.
 */
export function writeWhole<Components>(create: CreateEncrypter<Components>): CreateEncrypter<Components> {
  return components => {
    const encrypter = create(components)
    return {
      protocol: encrypter.protocol,
      secureOutbound: (stream, options) => encrypter.secureOutbound(joining(stream), options),
      secureInbound: (stream, options) => encrypter.secureInbound(joining(stream), options),
    }
  }
}

function joining<Stream extends MessageStream>(stream: Stream): Stream {
  const send: MessageStream['send'] = stream.send.bind(stream)
  stream.send = data => send(data.subarray())
  return stream
}
