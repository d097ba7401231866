import { type MessageStream, type StreamMuxerFactory, StreamStateError } from '@libp2p/interface'

type CreateFactory<Components> = (components: Components) => StreamMuxerFactory

/**
 * Has a multiplexer take it calmly when the connection closes under it. Yamux sends some frames in microtasks of its own,
 * such as the first of each new stream: what a closed connection throws at those is caught by nobody and would end the
 * process. That the connection has closed is told to all its streams anyway.
 * @see https://github.com/libp2p/js-libp2p/issues/3415
 */
export function expectClosing<Components>(create: CreateFactory<Components>): CreateFactory<Components> {
  return components => {
    const factory = create(components)
    return {
      protocol: factory.protocol,
      createStreamMuxer(connection) {
        const send: MessageStream['send'] = connection.send.bind(connection)
        connection.send = data => {
          try {
            return send(data)
          } catch (error) {
            if (error instanceof StreamStateError) return false
            throw error
          }
        }
        return factory.createStreamMuxer(connection)
      },
    }
  }
}
