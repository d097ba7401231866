import { shareOfPeers } from '../api/in-words.ts'
import type { RequestState } from '../api/state.ts'
import { Chart } from './chart.tsx'
import { bytes, rate, shortDigest, sum } from './format.ts'
import type { Live } from './live.ts'

/** This node, what it saved, and what it is doing. */
export function Overview({ live: { node, history, day, activity } }: { readonly live: Live }) {
  if (node === undefined) return <p>Nothing is known yet.</p>
  const { totals } = node
  const spared = totals.peer + totals.in_progress
  const share = day && shareOfPeers(day)
  const running = activity?.running.filter(({ from }) => from === 'local') ?? []
  return (
    <>
      <dl class="tiles">
        <Tile name="Spared upstream" value={bytes(spared)} exact={spared} />
        <Tile name="Bytes from peers today" value={share === undefined ? '–' : `${Math.round(share * 100)} %`} />
        <Tile name="From peers" value={bytes(totals.peer)} exact={totals.peer} />
        <Tile name="From downloads in progress" value={bytes(totals.in_progress)} exact={totals.in_progress} />
        <Tile name="From this node" value={bytes(totals.store)} exact={totals.store} />
        <Tile name="Sent to peers" value={bytes(totals.upload)} exact={totals.upload} />
        <Tile name="Requests answered" value={hitRatio(totals.hits, totals.misses)} />
        <Tile name="Requests left to the registry" value={String(totals.misses)} />
        <Tile name="Images here" value={String(node.images)} />
      </dl>
      <h3>The last hour</h3>
      {history && <Chart history={history} />}
      <h3>Running now</h3>
      {running.length === 0 ? <p>No request is being answered.</p> : <ul class="plain">{running.map(Running)}</ul>}
    </>
  )
}

function hitRatio(hits: number, misses: number): string {
  return hits + misses === 0 ? '–' : `${hits} (${Math.round((100 * hits) / (hits + misses))} %)`
}

function Tile({ name, value, exact }: { readonly name: string; readonly value: string; readonly exact?: number }) {
  return (
    <div>
      <dt>{name}</dt>
      <dd title={exact === undefined ? undefined : `${exact} bytes`} data-bytes={exact}>
        {value}
      </dd>
    </div>
  )
}

function Running({ id, name, size, bytes: sent, ms }: RequestState) {
  const done = sum(Object.values(sent))
  return (
    <li key={id}>
      <span class="name">{shortDigest(name)}</span>
      <progress max={size ?? 1} value={size === undefined ? undefined : done} aria-label={`Progress of ${name}`} />
      <span>
        {bytes(done)}
        {size !== undefined && ` of ${bytes(size)}`}, {rate(ms > 0 ? (done * 1000) / ms : 0)}
      </span>
    </li>
  )
}
