import { createLog } from '../../src/observability/log.ts'
import type { Clock } from '../../src/routing/clock.ts'
import { Background } from '../../src/routing/libp2p/background.ts'
import type { KadPeer } from '../../src/routing/libp2p/kad-message.ts'
import { ASKED, askedCount } from '../../src/routing/libp2p/placement.ts'
import { PositionIndex } from '../../src/routing/libp2p/position-index.ts'
import { Provide } from '../../src/routing/libp2p/provide.ts'
import { ProviderRecords } from '../../src/routing/libp2p/provider-records.ts'
import { positionOf, type RecordKey } from '../../src/routing/libp2p/record-key.ts'
import type { RecordTarget } from '../../src/routing/libp2p/record-target.ts'

const log = createLog('ERROR')

export interface SimulationParts {
  readonly clock: Clock
  readonly random: () => number
}

/** What a node has done so far. */
export interface Tally {
  /** Connections dialled to send records. */
  recordDials: number
  /** Messages with records that were sent. */
  messages: number
  /** Records in them. */
  records: number
}

/** A node as others see it: a place in the key space, records, connections. */
export class SimulatedNode {
  readonly name: string
  readonly position: Buffer
  /** The position as a part of the key space, from 0 to 1. */
  readonly place: number
  readonly kadPeer: KadPeer
  readonly records: ProviderRecords
  /** Nodes connected to, by either side; the one that this node used least recently is first. */
  readonly connected = new Set<SimulatedNode>()
  readonly tally: Tally = { recordDials: 0, messages: 0, records: 0 }
  readonly kind = 'spegel'
  alive = true

  constructor(name: string, { clock, random }: SimulationParts) {
    this.name = name
    const id = Buffer.from(name)
    this.position = positionOf(id)
    this.place = this.position.readUInt32BE(0) / 2 ** 32
    this.kadPeer = { id, addresses: [] }
    this.records = new ProviderRecords({ clock, random, gauge: { set: () => {} } })
  }
}

/** Another node as a {@link Provider} knows it. */
export interface SimulatedMember extends RecordTarget {
  readonly node: SimulatedNode
  readonly joinedAt: number
}

/** A node that announces keys and looks them up, as the product does. */
export class Provider {
  readonly node: SimulatedNode
  readonly keys: readonly string[]
  readonly provide: Provide
  readonly startedAt: number
  readonly #background = new Background(log)
  readonly #members = new Map<SimulatedNode, SimulatedMember>()
  readonly #index = new PositionIndex<SimulatedMember>()
  readonly #clock: Clock

  constructor(node: SimulatedNode, keys: readonly string[], { clock, random }: SimulationParts) {
    this.node = node
    this.keys = keys
    this.#clock = clock
    this.startedAt = clock.now()
    this.provide = new Provide({ clock, random, background: this.#background })
    this.provide.start()
  }

  joined(member: SimulatedMember): void {
    if (!this.node.alive || this.#members.has(member.node)) return
    this.#members.set(member.node, member)
    this.#index.add(member)
    this.provide.joined(member)
  }

  left(node: SimulatedNode): void {
    const member = this.#members.get(node)
    if (member === undefined) return
    this.#members.delete(node)
    this.#index.remove(member)
    this.provide.left(member)
  }

  /** Announces its keys in the background. */
  advertise(): void {
    this.#background.run('advertise', signal => this.provide.advertise(this.keys, { signal }))
  }

  /** The members that a lookup asks. */
  asked(key: RecordKey): readonly SimulatedNode[] {
    const nearest = this.#index.nearest(key.position, ASKED).map(({ joinedAt }) => joinedAt)
    const count = askedCount(nearest, this.#index.size, this.#clock.now())
    return this.#index.nearest(key.position, count).map(({ node }) => node)
  }

  kill(): void {
    this.node.alive = false
    // Not waited for: what sleeps by the virtual clock wakes only if time goes on.
    void this.#background[Symbol.asyncDispose]()
  }
}
