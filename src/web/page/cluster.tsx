import type { MemberState } from '../api/state.ts'
import { bytes, duration, rate } from './format.ts'
import type { Live } from './live.ts'

/** Peers that the map shows, those with most traffic. */
const MAX_MAPPED = 24
const CENTRE = 160
const RADIUS = 120

/** The other nodes, as this one knows them. */
export function Cluster({ live: { members, node } }: { readonly live: Live }) {
  if (members === undefined || node === undefined) return <p>Nothing is known yet.</p>
  if (members.total === 0) return <p>There are no other nodes. “spegel doctor” says why.</p>
  return (
    <>
      <TransferMap members={members.members} />
      <div class="scroll" tabIndex={0} role="region" aria-label="Peers">
        <table>
          <thead>
            <tr>
              <th scope="col">Peer</th>
              <th scope="col">Latency</th>
              <th scope="col">Throughput</th>
              <th scope="col">Received from</th>
              <th scope="col">Sent to</th>
              <th scope="col">State</th>
            </tr>
          </thead>
          <tbody>{members.members.map(Row)}</tbody>
        </table>
      </div>
      {members.total > members.members.length && <p>and {members.total - members.members.length} more</p>}
    </>
  )
}

function Row({ id, address, latencyMs, bytesPerSecond, receivedBytes, sentBytes, failures, quarantine }: MemberState) {
  return (
    <tr key={id}>
      <th scope="row" title={id}>
        {address}
      </th>
      <td>{latencyMs === undefined ? '–' : duration(latencyMs)}</td>
      <td>{bytesPerSecond === undefined ? '–' : rate(bytesPerSecond)}</td>
      <td data-bytes={receivedBytes}>{bytes(receivedBytes)}</td>
      <td data-bytes={sentBytes}>{bytes(sentBytes)}</td>
      <td>
        {quarantine === undefined
          ? failures === 0
            ? 'well'
            : `${failures} failures`
          : `not asked for ${duration(quarantine.remainingMs)}: ${quarantine.reason}`}
      </td>
    </tr>
  )
}

/** What went between this node and others, as lines whose width grows with the bytes. The table says the same in numbers. */
function TransferMap({ members }: { readonly members: readonly MemberState[] }) {
  const shown = members.toSorted((a, b) => traffic(b) - traffic(a)).slice(0, MAX_MAPPED)
  const places = shown.map((member, index) => {
    const angle = (2 * Math.PI * index) / shown.length - Math.PI / 2
    return { member, x: CENTRE + RADIUS * Math.cos(angle), y: CENTRE + RADIUS * Math.sin(angle) }
  })
  return (
    <svg class="map" viewBox="0 0 320 320" role="img" aria-label="Transfers between this node and its peers">
      {places.map(({ member, x, y }) => (
        <g key={member.id}>
          <title>{`${member.address}: ${bytes(member.receivedBytes)} received, ${bytes(member.sentBytes)} sent`}</title>
          <line
            class="sent"
            x1={CENTRE + 3}
            y1={CENTRE + 3}
            x2={x + 3}
            y2={y + 3}
            stroke-width={width(member.sentBytes)}
          />
          <line class="received" x1={CENTRE} y1={CENTRE} x2={x} y2={y} stroke-width={width(member.receivedBytes)} />
          <circle cx={x} cy={y} r={member.quarantine === undefined ? 8 : 5} />
          <text x={x} y={y < CENTRE ? y - 14 : y + 22}>
            {member.address.replace(/:\d+$/, '')}
          </text>
        </g>
      ))}
      <circle class="own" cx={CENTRE} cy={CENTRE} r={11} />
    </svg>
  )
}

function traffic({ receivedBytes, sentBytes }: MemberState): number {
  return receivedBytes + sentBytes
}

function width(amount: number): number {
  return amount === 0 ? 0 : Math.min(9, 0.5 + Math.log10(amount))
}
