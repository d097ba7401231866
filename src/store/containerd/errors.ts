import path from 'node:path'

/** containerd can't be reached, or went away in the middle of a call. Trying again helps once it is back. */
export class ContainerdUnavailableError extends Error {
  readonly code = 'CONTAINERD_UNAVAILABLE'

  /** @param socket path of containerd's socket */
  constructor(socket: string, reason: string, options?: ErrorOptions) {
    super(`containerd at ${socket}: ${reason}`, options)
    this.name = 'ContainerdUnavailableError'
  }
}

/** containerd answered, but not with what was asked for. */
export class ContainerdError extends Error {
  readonly code = 'CONTAINERD'

  /** @param call what was asked, such as `list images` */
  constructor(call: string, reason: string, options?: ErrorOptions) {
    super(`containerd could not ${call}: ${reason}`, options)
    this.name = 'ContainerdError'
  }
}

/**
 * The socket is a mount of its own, and the containerd that it belonged to is gone. containerd makes a new file when it
 * starts, which that mount never shows; only a new process can see it.
 */
export class DeadSocketError extends Error {
  readonly code = 'DEAD_SOCKET'

  constructor(socket: string, refusedMs: number) {
    super(
      `containerd at ${socket} has refused connections for ${Math.round(refusedMs / 1000)} s, and can't come back there: ` +
        `the socket is mounted as a file, mount its directory ${path.dirname(socket)} instead`,
    )
    this.name = 'DeadSocketError'
  }
}
