import type { ActivityState, HistoryState, MembersState, NodeState } from '../../web/api/state.ts'
import { API_PATH } from '../../web/api/state.ts'
import { probe } from '../http-probe.ts'
import { StatusError } from './errors.ts'

/** The cluster as one node sees it. */
export interface Status extends MembersState, ActivityState {
  readonly node: NodeState
  readonly day: HistoryState
}

/**
 * Asks the node whose metrics listener is at `url`.
 * @throws {StatusError}
 */
export async function fetchStatus(url: string, options: { readonly signal: AbortSignal }): Promise<Status> {
  const get = async <T>(path: string, isRight: (value: unknown) => value is T): Promise<T> => {
    const answer = await ask(`${url}${API_PATH}/${path}`, options)
    if (!isRight(answer)) throw new StatusError(url, 'what answers is not Spegel')
    return answer
  }
  const node = await get('node', has<NodeState>('peerId'))
  const [members, activity, day] = await Promise.all([
    get('members', has<MembersState>('members')),
    get('activity', has<ActivityState>('running')),
    get('history?span=day', has<HistoryState>('times')),
  ])
  return { node, ...members, ...activity, day }
}

async function ask(url: string, { signal }: { readonly signal: AbortSignal }): Promise<unknown> {
  try {
    const { status, body } = await probe(url, { signal })
    if (status === 404) throw new StatusError(url, 'is not there: the daemon needs --debug-web-enabled=true')
    if (status !== 200) throw new StatusError(url, `answers ${status}`)
    const value: unknown = JSON.parse(body)
    return value
  } catch (error) {
    signal.throwIfAborted()
    if (error instanceof StatusError) throw error
    throw new StatusError(url, error instanceof Error ? error.message : String(error), { cause: error })
  }
}

/** The API is this program's own: a member that only its answer has tells it from whatever else may listen there. */
function has<T extends object>(member: keyof T & string): (value: unknown) => value is T {
  return (value): value is T => typeof value === 'object' && value !== null && member in value
}
