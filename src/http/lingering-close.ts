import type { Socket } from 'node:net'

/**
 * Makes `socket.destroySoon()`, with which node:http and this folder end connections, show the client FIN after
 * everything already written, never RST. The kernel sends RST when a socket is closed with unread input, and containerd
 * fails a whole pull on RST where it resumes after FIN. So after FIN, input is read and dropped until the client closes
 * its side, for at most `lingerMs`. No request is parsed any more.
 */
export function lingerOnClose(socket: Socket, lingerMs: number): void {
  socket.destroySoon = () => {
    if (socket.destroyed || socket.writableEnded) return
    const timer = setTimeout(() => socket.destroy(), lingerMs)
    socket.once('close', () => clearTimeout(timer))
    socket.end()
    // Not at once: node:http may be in the middle of a chunk of input, and pause at the end of it.
    setImmediate(() => {
      socket.removeAllListeners('data')
      socket.on('data', () => undefined)
      socket.resume()
    })
  }
}
