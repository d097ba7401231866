import type { ContainerdView } from '../facts/containerd-view.ts'
import { type Finding, findingsOf } from '../finding.ts'

const { ok, failure } = findingsOf('socket')

export interface SocketFacts {
  readonly socket: string
  readonly containerd: ContainerdView
  /** Sockets of containerd elsewhere on this machine. */
  readonly others: readonly string[]
}

/** Whether containerd answers at the socket. */
export function checkSocket({ socket, containerd, others }: SocketFacts): Finding {
  if (containerd.kind === 'answers') return ok(`containerd ${containerd.version} answers at ${socket}`)
  const [other] = others
  const remedy = other === undefined ? 'start containerd, or give its socket' : `there is one at ${other}: give that`
  return failure(containerd.reason, `${remedy} with --containerd-sock; in a pod, mount the directory of the socket`)
}
