import type { HistoryState, NodeState } from './state.ts'

/** What a node is like, in a sentence or three: `Serving. 7 peers. 94 % of bytes from peers today.` */
export function nodeInWords(node: Pick<NodeState, 'ready' | 'peers' | 'twins'>, day: HistoryState | undefined): string {
  const sentences = [node.ready ? 'Serving.' : 'Not ready.', peersInWords(node.peers)]
  const share = day && shareOfPeers(day)
  if (share !== undefined) sentences.push(`${Math.round(share * 100)} % of bytes from peers today.`)
  if (node.twins.length > 0) sentences.push(`Another node has the same identity: ${node.twins.join(', ')}.`)
  return sentences.join(' ')
}

function peersInWords(peers: number): string {
  if (peers === 0) return 'No peers.'
  return peers === 1 ? '1 peer.' : `${peers} peers.`
}

/** Part of the bytes to local clients that came from peers; undefined where there were none. */
export function shareOfPeers({ values }: HistoryState): number | undefined {
  const fromPeers = sum(values.peer) + sum(values.in_progress)
  const all = fromPeers + sum(values.store)
  return all === 0 ? undefined : fromPeers / all
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, each) => total + each, 0)
}
