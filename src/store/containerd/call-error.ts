import { Code, ConnectError } from '@connectrpc/connect'
import { ContentNotFoundError } from '../errors.ts'
import { ContainerdError, ContainerdUnavailableError } from './errors.ts'

/** A call as its errors tell of it. */
export interface CallInfo {
  /** Path of containerd's socket. */
  readonly socket: string
  /** What is asked, such as `list images`. */
  readonly call: string
  /** The digest or name that is asked for; where there is one, its absence is a {@link ContentNotFoundError}. */
  readonly about?: string
}

/** The connection broke, or never came about. */
const BROKEN = new Set([Code.Unavailable, Code.Canceled, Code.Aborted])

/** What a path is that nothing can be reached at. */
const UNREACHABLE: ReadonlyMap<string, string> = new Map([
  ['ENOENT', 'the socket does not exist'],
  ['ENOTDIR', 'the socket does not exist'],
  ['ECONNREFUSED', 'connection refused'],
  ['EACCES', 'permission denied'],
  ['EPERM', 'permission denied'],
  ['EAGAIN', 'too many connections wait for it'],
  ['ENOTSOCK', 'it is no socket'],
  ['ECONNRESET', 'the connection broke'],
  ['EPIPE', 'the connection broke'],
])

/** What a failed gRPC call means to its caller, who need not know gRPC. */
export function translateCallError(error: unknown, { socket, call, about }: CallInfo): Error {
  if (!(error instanceof ConnectError)) return new ContainerdError(call, String(error), { cause: error })
  const system = systemError(error)
  const options = system === undefined ? {} : { cause: system }
  const unreachable = UNREACHABLE.get(system?.code ?? '')
  if (unreachable !== undefined) return new ContainerdUnavailableError(socket, unreachable, options)
  if (error.code === Code.NotFound && about !== undefined) return new ContentNotFoundError(about)
  if (error.code === Code.DeadlineExceeded)
    return new ContainerdUnavailableError(socket, `no answer to ${call} in time`)
  if (BROKEN.has(error.code)) {
    return new ContainerdUnavailableError(socket, `the connection broke (${error.rawMessage})`, options)
  }
  return new ContainerdError(call, error.rawMessage, options)
}

/** The error of Node that `error` goes back to, as far as that has a code of the system, such as `ENOENT`. */
export function systemError(error: unknown): (Error & { readonly code: string }) | undefined {
  for (let cause = error; cause instanceof Error; cause = cause.cause) if (hasCode(cause)) return cause
  return undefined
}

function hasCode(error: Error): error is Error & { readonly code: string } {
  return 'syscall' in error && 'code' in error && typeof error.code === 'string'
}
