import { useEffect, useState } from 'preact/hooks'
import type { ActivityState, HistoryState, MembersState, NodeState } from '../api/state.ts'

/** Where the API is, from the page. */
const API = 'api/v1'
/** How often the history of the day is read anew: its slots are as long. */
const DAY_INTERVAL_MS = 300_000

/** What the node keeps the page up to date on. */
export interface Live {
  readonly isConnected: boolean
  readonly node?: NodeState
  readonly members?: MembersState
  readonly activity?: ActivityState
  readonly history?: HistoryState
  readonly day?: HistoryState
}

/** Follows the node's events for as long as the page is open; the browser connects anew by itself. */
export function useLive(): Live {
  const [live, setLive] = useState<Live>({ isConnected: false })
  useEffect(() => {
    const source = new EventSource(`${API}/events`)
    const take = (name: keyof Live) => (event: MessageEvent<string>) => {
      setLive(before => ({ ...before, isConnected: true, [name]: JSON.parse(event.data) }))
    }
    for (const name of ['node', 'members', 'activity', 'history'] as const) source.addEventListener(name, take(name))
    source.addEventListener('open', () => setLive(before => ({ ...before, isConnected: true })))
    source.addEventListener('error', () => setLive(before => ({ ...before, isConnected: false })))
    const readDay = async (): Promise<void> => {
      const day = await getJson<HistoryState>('history?span=day').catch(() => undefined)
      if (day !== undefined) setLive(before => ({ ...before, day }))
    }
    void readDay()
    const timer = setInterval(readDay, DAY_INTERVAL_MS)
    return () => {
      clearInterval(timer)
      source.close()
    }
  }, [])
  return live
}

/**
 * What the API answers at `path`.
 * @throws with what the API says, where it refuses
 */
export async function getJson<T>(path: string, signal?: AbortSignal): Promise<T> {
  const response = await fetch(`${API}/${path}`, signal === undefined ? {} : { signal })
  const body = await response.json()
  if (response.ok) return body
  throw new Error(body?.errors?.[0]?.message ?? `the node answers ${response.status}`)
}

/** Events of a measurement of `image`; closing the source cancels it. */
export function measure(image: string): EventSource {
  return new EventSource(`${API}/measure?image=${encodeURIComponent(image)}`)
}
