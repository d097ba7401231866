import { MAX_CONNECTIONS } from '../../src/routing/libp2p/connections.ts'
import { MAX_CONNECTED_MEMBERS, MAX_PROBES, PING_INTERVAL_MS } from '../../src/routing/libp2p/member-keeper.ts'
import { DISCOVERY } from '../../src/routing/libp2p/member-search.ts'
import { PositionIndex } from '../../src/routing/libp2p/position-index.ts'
import { ENOUGH_HOLDERS } from '../../src/routing/libp2p/provider-records.ts'
import { recordKey } from '../../src/routing/libp2p/record-key.ts'
import { Bystanders } from './bystanders.ts'
import { Provider, type SimulatedMember, SimulatedNode } from './simulated-node.ts'
import type { VirtualClock } from './virtual-clock.ts'

/** Keys of one node… */
const KEYS = 3000
/** …of which so many are the same on every node: what base images have in common. */
const COMMON_KEYS = KEYS / 2
/** Those nearest to itself a newcomer knows first. */
const KNOWN_FIRST = 20
const MINUTE_MS = 60_000
const NO_KEY = new Uint8Array()

export interface MeshParts {
  readonly clock: VirtualClock
  readonly random: () => number
}

export interface MeshOptions {
  readonly nodes: number
  /** Nodes that announce keys of their own. The others are {@link Bystanders}. */
  readonly providers: number
}

export interface SimulatedLookup {
  /** Whether it found a provider that is alive. */
  readonly found: boolean
  /** Members asked. */
  readonly asked: number
  /** How long both the node that looks and the provider have been there. */
  readonly youngestMs: number
}

/** Nodes that sweep, place and keep records by the product's own code, on a network that only counts. */
export class SimulatedMesh {
  readonly #parts: MeshParts
  readonly #options: MeshOptions
  readonly #providers = new Map<SimulatedNode, Provider>()
  readonly #bystanders: Bystanders
  readonly #nodes = new Map<string, SimulatedNode>()
  readonly #index = new PositionIndex<SimulatedNode>()
  readonly #common = Array.from({ length: COMMON_KEYS }, (_, index) => `common ${index}`)
  #started = 0
  #ring: readonly SimulatedNode[] | undefined

  constructor(parts: MeshParts, options: MeshOptions) {
    this.#parts = parts
    this.#options = options
    this.#bystanders = new Bystanders(parts, {
      keys: this.#common.map(recordKey),
      share: 1 - options.providers / options.nodes,
      uniqueKeys: KEYS - COMMON_KEYS,
      connect: (from, to) => void this.#connect(from, to),
    })
  }

  get providers(): readonly Provider[] {
    return [...this.#providers.values()]
  }

  /** Starts all nodes, which know each other from the beginning, and has them announce what they hold. */
  start(): void {
    for (let index = 0; index < this.#options.nodes; index++) this.#create(index < this.#options.providers)
    for (const provider of this.#providers.values()) {
      for (const node of this.#nodes.values()) this.#introduce(provider, node)
    }
    this.#bystanders.start(this.#index, () => this.#sorted())
    for (const provider of this.#providers.values()) provider.advertise()
  }

  /**
   * Lets time pass.
   * @param options `replaced`: nodes that are killed, each with a new one started in its place, every minute
   */
  async pass(ms: number, options: { readonly replaced: number } = { replaced: 0 }): Promise<void> {
    const { clock, random } = this.#parts
    const replaced = Math.round((options.replaced * ms) / MINUTE_MS)
    for (let count = 0; count < replaced; count++) clock.after(random() * ms, () => this.#replaceOne())
    await clock.pass(ms)
  }

  /** Starts `count` more providers, one after the other within `ms`. */
  grow(count: number, ms: number): void {
    for (let index = 1; index <= count; index++) {
      this.#parts.clock.after((ms * index) / count, () => this.#join(this.#create(true)))
    }
  }

  /** Looks up a key of some provider at some other. */
  lookup(): SimulatedLookup {
    const asker = this.#draw(this.providers)
    const owner = this.#draw(this.providers.filter(provider => provider !== asker))
    const key = recordKey(this.#draw(owner.keys))
    const asked = asker.asked(key)
    for (const node of asked) if (!node.alive) asker.left(node)
    const providers = [asker.node, ...asked.filter(({ alive }) => alive)].flatMap(({ records }) =>
      records.sample(key.bytes, 20),
    )
    return {
      found: providers.some(({ id }) => this.#nodes.has(Buffer.from(id).toString())),
      asked: asked.length,
      youngestMs: this.#parts.clock.now() - Math.max(asker.startedAt, owner.startedAt),
    }
  }

  /** Records that each node keeps, with those of bystanders' own keys, which are not simulated. */
  recordCounts(): readonly number[] {
    const { nodes, providers } = this.#options
    const common = this.#common.map(recordKey)
    return [...this.#nodes.values()].map(({ records }) => {
      const shared = common.reduce((sum, { bytes }) => sum + records.sample(bytes, ENOUGH_HOLDERS).length, 0)
      return shared + ((records.size - shared) * nodes) / providers
    })
  }

  connectionCounts(): readonly number[] {
    return [...this.#nodes.values()].map(({ connected }) => connected.size)
  }

  /** All nodes by place. */
  #sorted(): readonly SimulatedNode[] {
    this.#ring ??= [...this.#nodes.values()].toSorted((a, b) => a.place - b.place)
    return this.#ring
  }

  get #isLarge(): boolean {
    return this.#nodes.size > MAX_CONNECTED_MEMBERS
  }

  #create(isProvider: boolean, replaced?: SimulatedNode): SimulatedNode {
    const node = new SimulatedNode(`node ${++this.#started}`, this.#parts)
    this.#nodes.set(node.name, node)
    this.#index.add(node)
    this.#ring = undefined
    if (isProvider) {
      const own = Array.from({ length: KEYS - COMMON_KEYS }, (_, index) => `${node.name}, key ${index}`)
      this.#providers.set(node, new Provider(node, [...this.#common, ...own], this.#parts))
    } else this.#bystanders.add(node, replaced)
    return node
  }

  #introduce(provider: Provider, node: SimulatedNode): void {
    if (node !== provider.node && node.alive) provider.joined(this.#member(provider.node, node))
  }

  #member(from: SimulatedNode, node: SimulatedNode): SimulatedMember {
    return {
      node,
      kind: 'spegel',
      position: node.position,
      joinedAt: this.#parts.clock.now(),
      announce: async keys => {
        if (!node.alive) {
          this.#providers.get(from)?.left(node)
          throw new Error(`${node.name} is dead`)
        }
        if (this.#connect(from, node)) from.tally.recordDials++
        from.tally.messages++
        from.tally.records += keys.length
        return keys
          .keys()
          .filter(place => node.records.add(keys[place] ?? NO_KEY, from.kadPeer) === 'enough')
          .toArray()
      },
      retract: async () => {},
    }
  }

  /** @returns whether it took a new connection. Each side gives up the one it used least recently beyond the limit. */
  #connect(from: SimulatedNode, to: SimulatedNode): boolean {
    if (from.connected.delete(to)) {
      from.connected.add(to)
      return false
    }
    for (const [side, other] of [
      [from, to],
      [to, from],
    ] as const) {
      side.connected.add(other)
      if (side.connected.size > MAX_CONNECTIONS) this.#evict(side)
    }
    return true
  }

  #evict(node: SimulatedNode): void {
    for (const least of node.connected) return disconnect(node, least)
  }

  #replaceOne(): void {
    const gone = this.#draw([...this.#nodes.values()])
    const provider = this.#providers.get(gone)
    this.#nodes.delete(gone.name)
    this.#index.remove(gone)
    gone.alive = false
    for (const node of gone.connected) disconnect(gone, node)
    this.#providers.delete(gone)
    provider?.kill()
    for (const other of this.#providers.values()) {
      this.#parts.clock.after(this.#noticeMs(), () => other.left(gone))
    }
    this.#join(this.#create(provider !== undefined, gone))
  }

  /** Until a member that died is missed: at once by its connection in a small mesh, by a probe in a large one. */
  #noticeMs(): number {
    const rounds = Math.ceil(this.#nodes.size / MAX_PROBES)
    return this.#isLarge ? this.#parts.random() * rounds * PING_INTERVAL_MS : 0
  }

  #join(newcomer: SimulatedNode): void {
    const nearest = this.#index.nearest(newcomer.position, KNOWN_FIRST + 1)
    const others = [...this.#nodes.values()].filter(node => !nearest.includes(node))
    const inOrder = [...nearest, ...this.#shuffle(others)].filter(node => node !== newcomer)
    for (const [rank, other] of inOrder.entries()) {
      const delayMs = this.#isLarge ? (1000 * Math.max(0, rank - DISCOVERY.burst)) / DISCOVERY.perSecond : 0
      this.#parts.clock.after(delayMs, () => this.#meet(newcomer, other))
    }
    this.#providers.get(newcomer)?.advertise()
  }

  #meet(newcomer: SimulatedNode, other: SimulatedNode): void {
    if (!newcomer.alive || !other.alive) return
    this.#connect(newcomer, other)
    for (const [one, met] of [
      [newcomer, other],
      [other, newcomer],
    ] as const) {
      const provider = this.#providers.get(one)
      if (provider !== undefined) this.#introduce(provider, met)
    }
  }

  #draw<Item>(items: readonly Item[]): Item {
    const item = items[Math.floor(this.#parts.random() * items.length)]
    if (item === undefined) throw new Error('nothing to draw from')
    return item
  }

  #shuffle<Item>(items: readonly Item[]): readonly Item[] {
    const keyed = items.map(item => ({ item, at: this.#parts.random() }))
    return keyed.toSorted((a, b) => a.at - b.at).map(({ item }) => item)
  }
}

function disconnect(node: SimulatedNode, other: SimulatedNode): void {
  node.connected.delete(other)
  other.connected.delete(node)
}
