import { OWN_REPLICATION, placementOf } from '../../src/routing/libp2p/placement.ts'
import type { PositionIndex } from '../../src/routing/libp2p/position-index.ts'
import { REFRESH_MS } from '../../src/routing/libp2p/provide.ts'
import { ENOUGH_HOLDERS } from '../../src/routing/libp2p/provider-records.ts'
import type { RecordKey } from '../../src/routing/libp2p/record-key.ts'
import type { SimulatedNode } from './simulated-node.ts'
import type { VirtualClock } from './virtual-clock.ts'

/** Of a bystander's sweep, as of a provider's. */
const SLICE_MS = 15_000
/** How often the records of common keys are renewed: before they expire, and soon enough for nodes that have just started. */
const RENEW_MS = 5 * 60_000

export interface BystandersOptions {
  /** Keys that all nodes hold. */
  readonly keys: readonly RecordKey[]
  /** Which share of the nodes are bystanders. */
  readonly share: number
  /** Keys that each node holds alone. */
  readonly uniqueKeys: number
  /** Called for each message of their sweeps. */
  readonly connect: (from: SimulatedNode, to: SimulatedNode) => void
}

/**
 * The nodes of a large mesh whose own keys are not simulated, since there are too many. They keep the records that others
 * send them, hold their share of the records of common keys, and connect to others as a sweep makes them.
 */
export class Bystanders {
  readonly #parts: { readonly clock: VirtualClock; readonly random: () => number }
  readonly #options: BystandersOptions
  /** Each with where in the key space its sweep is at time 0. */
  readonly #phases = new Map<SimulatedNode, number>()
  /** By place: whoever is started in the place of another takes over its records. */
  readonly #places: SimulatedNode[] = []

  constructor(parts: { readonly clock: VirtualClock; readonly random: () => number }, options: BystandersOptions) {
    this.#parts = parts
    this.#options = options
  }

  /** @param replaced in whose place it starts */
  add(node: SimulatedNode, replaced?: SimulatedNode): void {
    this.#phases.set(node, this.#parts.random())
    const place = replaced === undefined ? -1 : this.#places.indexOf(replaced)
    if (place === -1) this.#places.push(node)
    else this.#places[place] = node
    if (replaced !== undefined) this.#phases.delete(replaced)
  }

  /**
   * Begins with what they do, for as long as the clock goes on.
   * @param nodes all nodes there are
   * @param ring the same, sorted by place
   */
  start(nodes: PositionIndex<SimulatedNode>, ring: () => readonly SimulatedNode[]): void {
    if (this.#options.share === 0) return
    this.#renew(nodes)
    this.#sweep(ring)
  }

  /** Brings the records of common keys to where they belong. */
  #renew(nodes: PositionIndex<SimulatedNode>): void {
    const held = Math.round(ENOUGH_HOLDERS * this.#options.share)
    for (const [index, { bytes, position }] of this.#options.keys.entries()) {
      for (const { records } of placementOf(nodes, position).holders) {
        for (let offset = 0; offset < held; offset++) {
          const holder = this.#places[(index + offset) % this.#places.length]
          if (holder !== undefined) records.add(bytes, holder.kadPeer)
        }
      }
    }
    this.#parts.clock.after(RENEW_MS, () => this.#renew(nodes))
  }

  /** Has all of them sweep one slice of the key space further. */
  #sweep(ring: () => readonly SimulatedNode[]): void {
    const { clock, random } = this.#parts
    const { connect, uniqueKeys } = this.#options
    const nodes = ring()
    // A key has several holders: so many reach one node on average, and it takes one for a message.
    const contacted = 1 - Math.exp((-OWN_REPLICATION * uniqueKeys) / nodes.length)
    for (const [from, phase] of this.#phases) {
      const begin = (phase + clock.now() / REFRESH_MS) % 1
      for (const to of between(nodes, begin, begin + SLICE_MS / REFRESH_MS)) {
        if (to !== from && random() < contacted) connect(from, to)
      }
    }
    clock.after(SLICE_MS, () => this.#sweep(ring))
  }
}

/** Those of `nodes`, which are sorted by place, between two places; the part may reach past the end of the key space. */
function between(nodes: readonly SimulatedNode[], begin: number, end: number): readonly SimulatedNode[] {
  const inside = nodes.slice(firstFrom(nodes, begin), firstFrom(nodes, Math.min(end, 1)))
  return end > 1 ? [...inside, ...nodes.slice(0, firstFrom(nodes, end - 1))] : inside
}

/** The index of the first node at `place` or beyond. */
function firstFrom(nodes: readonly SimulatedNode[], place: number): number {
  let [low, high] = [0, nodes.length]
  while (low < high) {
    const middle = (low + high) >>> 1
    if ((nodes[middle]?.place ?? 1) >= place) high = middle
    else low = middle + 1
  }
  return low
}
