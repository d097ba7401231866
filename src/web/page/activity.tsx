import { useState } from 'preact/hooks'
import type { RequestState } from '../api/state.ts'
import { bytes, duration, shortDigest, sum, timeOfDay } from './format.ts'
import type { Live } from './live.ts'
import { Waterfall } from './waterfall.tsx'

/** Requests that are listed. */
const MAX_SHOWN = 100

/** What this node was asked for of late. */
export function Activity({ live: { activity } }: { readonly live: Live }) {
  const [filter, setFilter] = useState('all')
  if (activity === undefined) return <p>Nothing is known yet.</p>
  const all = [...activity.running.toReversed(), ...activity.recent]
  const shown = all.filter(request => filter === 'all' || request.outcome === filter || request.from === filter)
  return (
    <>
      <p>
        <label>
          Show{' '}
          <select value={filter} onChange={event => setFilter(event.currentTarget.value)}>
            <option value="all">all requests</option>
            <option value="local">requests of this node</option>
            <option value="peer">requests of peers</option>
            <option value="miss">misses</option>
            <option value="failed">failures</option>
          </select>
        </label>
      </p>
      {shown.length === 0 ? (
        <p>There was no such request of late.</p>
      ) : (
        <ol class="plain">{shown.slice(0, MAX_SHOWN).map(Request)}</ol>
      )}
    </>
  )
}

function Request(request: RequestState) {
  const { id, time, name, method, from, client, outcome, reason, headMs, ms, bytes: sent, attempts } = request
  const rows = [
    ...attempts.map(({ peer, outcome, atMs, ms }) => ({
      name: peer,
      said: `${outcome} after ${duration(ms)}`,
      start: atMs,
      end: atMs + ms,
      isBad: outcome !== 'answered',
    })),
    ...(headMs === undefined
      ? []
      : [{ name: 'answer', said: `from ${duration(headMs)} on`, start: headMs, end: ms, isBad: outcome === 'failed' }]),
  ]
  return (
    <li key={id}>
      <details>
        <summary>
          <span class={`outcome ${outcome}`}>{outcome}</span> <time>{timeOfDay(time)}</time>{' '}
          <span class="name" title={name}>
            {shortDigest(name)}
          </span>{' '}
          <span>
            {bytes(sum(Object.values(sent)))} in {duration(ms)}
          </span>
        </summary>
        <p>
          {method} from {from === 'peer' ? `the peer ${client}` : client}
          {reason !== undefined && `; reason: ${reason}`}
          {Object.entries(sent).map(([source, amount]) => `; ${bytes(amount)} ${SOURCES[source] ?? source}`)}
        </p>
        <p class="wrap">
          <code>{name}</code>
        </p>
        {rows.length > 0 && <Waterfall rows={rows} total={ms} label={`Trace of request ${id}`} />}
      </details>
    </li>
  )
}

const SOURCES: Readonly<Record<string, string>> = {
  store: 'from this node',
  peer: 'from peers',
  in_progress: 'from downloads in progress',
  upload: 'sent',
}
