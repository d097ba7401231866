import type { MemberState } from '../../../web/api/state.ts'
import { type Finding, findingsOf } from '../finding.ts'

const peers = findingsOf('peer-registries')
const clock = findingsOf('clocks')

/** What clocks may differ by: their times come in seconds, and answers take a while. */
export const MAX_SKEW_MS = 10_000

/** How a peer's registry answered. */
export type PeerAnswer =
  | { readonly kind: 'silent'; readonly reason: string }
  /** `skewMs`: how far its clock is ahead of this one's; undefined where it does not say. */
  | { readonly kind: 'answers'; readonly skewMs: number | undefined }

export interface MembersFacts {
  readonly members: readonly MemberState[]
  /** Asks the registry of a peer, `host:port`. */
  readonly ask: (address: string) => Promise<PeerAnswer>
}

/** Whether each peer can be pulled from, and agrees on the time. */
export async function checkMembers({ members, ask }: MembersFacts): Promise<readonly Finding[]> {
  if (members.length === 0) return []
  const answers = await Promise.all(members.map(async ({ address }) => ({ address, answer: await ask(address) })))
  const findings: Finding[] = []
  const skews = new Map<string, number>()
  for (const { address, answer } of answers) {
    if (answer.kind === 'silent') {
      findings.push(
        peers.failure(
          `the registry of the peer at ${address} does not answer: ${answer.reason}`,
          'open the registry port (--registry-addr) between nodes',
        ),
      )
    } else if (answer.skewMs !== undefined) skews.set(address, answer.skewMs)
  }
  if (findings.length === 0) findings.push(peers.ok(`the registries of all ${members.length} peers asked answer`))
  return [...findings, ...checkClocks(skews)]
}

function checkClocks(skews: ReadonlyMap<string, number>): readonly Finding[] {
  const off = [...skews].filter(([, skewMs]) => Math.abs(skewMs) > MAX_SKEW_MS)
  const remedy = 'keep the time of every node with NTP (chrony, systemd-timesyncd)'
  // Where most others differ from this one, it is this one.
  if (off.length > 1 && off.length > skews.size / 2) {
    return [
      clock.failure(`the clock of this node is off: that of ${off.length} of ${skews.size} peers differs`, remedy),
    ]
  }
  if (off.length > 0) {
    return off.map(([address, skewMs]) => {
      const seconds = Math.round(Math.abs(skewMs) / 1000)
      return clock.failure(`the clock of ${address} is ${seconds} s ${skewMs > 0 ? 'ahead' : 'behind'}`, remedy)
    })
  }
  return skews.size === 0 ? [] : [clock.ok('the clocks of the peers agree with this one')]
}
