import { API_PATH, type MembersState, type NodeState } from '../../../web/api/state.ts'
import { probe } from '../../http-probe.ts'
import { MAX_SKEW_MS, type PeerAnswer } from '../checks/members.ts'
import type { DaemonView } from '../checks/mesh.ts'

interface Options {
  readonly signal: AbortSignal
}

/** What the daemon whose metrics listener is at `url` says of itself. */
export async function viewDaemon(url: string, { signal }: Options): Promise<DaemonView> {
  try {
    const { status, body } = await probe(`${url}${API_PATH}/node`, { signal })
    const node = status === 200 ? parseNode(body) : undefined
    if (node !== undefined) return { kind: 'running', node }
    const metrics = await probe(`${url}/metrics`, { signal })
    if (/^spegel_/m.test(metrics.body)) return { kind: 'mute' }
    return { kind: 'absent', reason: `what listens at ${url} is not Spegel` }
  } catch (error) {
    signal.throwIfAborted()
    return { kind: 'absent', reason: reasonOf(error) }
  }
}

/** The members that the daemon has. */
export async function membersOf(url: string, { signal }: Options): Promise<MembersState> {
  const members: MembersState = JSON.parse((await probe(`${url}${API_PATH}/members`, { signal })).body)
  return members
}

/** Asks the registry of a peer. */
export async function askPeer(address: string, { signal }: Options): Promise<PeerAnswer> {
  try {
    const { status, date, at } = await probe(`http://${address}/livez`, { signal })
    if (status !== 200) return { kind: 'silent', reason: `it answers ${status}` }
    return { kind: 'answers', skewMs: date === undefined ? undefined : skewOf(date, at) }
  } catch (error) {
    signal.throwIfAborted()
    return { kind: 'silent', reason: reasonOf(error) }
  }
}

/** Whether a mirror of ours, or of Go Spegel, answers at `url`. They speak HTTP. */
export async function isMirror(url: string, { signal }: Options): Promise<boolean> {
  if (URL.parse(url)?.protocol !== 'http:') return false
  try {
    return (await probe(`${url.replace(/\/$/, '')}/livez`, { signal })).status === 200
  } catch {
    signal.throwIfAborted()
    return false
  }
}

/** The header says the second that has begun. */
function skewOf(date: number, at: number): number {
  const skew = date + 500 - at
  return Math.abs(skew) <= MAX_SKEW_MS ? 0 : skew
}

/** Undefined where it is something else that answers. */
function parseNode(body: string): NodeState | undefined {
  try {
    const node: unknown = JSON.parse(body)
    return isNode(node) ? node : undefined
  } catch {
    return undefined
  }
}

/** The API is this program's own: what only its answer has tells it from whatever else may listen there. */
function isNode(value: unknown): value is NodeState {
  const isObject = typeof value === 'object' && value !== null
  return isObject && 'peerId' in value && 'twins' in value && Array.isArray(value.twins)
}

function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  if (error.name === 'TimeoutError' || error.name === 'AbortError') return 'no answer in time'
  const code: unknown = Reflect.get(error, 'code')
  switch (code) {
    case 'ECONNREFUSED':
      return 'connection refused'
    case 'EHOSTUNREACH':
      return 'no way to that address'
    case 'ECONNRESET':
      return 'connection reset'
    default:
      return error.message
  }
}
