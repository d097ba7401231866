import { CLAIM_CONNECT_TIMEOUT_MS } from '../../src/coalesce/claim-client.ts'
import { ClaimDesk } from '../../src/coalesce/claim-desk.ts'
import { ClaimTakers } from '../../src/coalesce/claim-takers.ts'
import { ANSWER_TIMEOUT_MS, type ClaimSender } from '../../src/coalesce/claimant.ts'
import { Coordinator } from '../../src/coalesce/coordinator.ts'
import { rankOf } from '../../src/coalesce/rank.ts'
import type { Members, Peer } from '../../src/routing/router.ts'
import type { Conditions } from './conditions.ts'
import type { EventClock } from './event-clock.ts'
import { Link } from './network.ts'

/** Until a member whose connections were reset is known to be gone: the next probe at the latest. */
const RESET_NOTICED_MS = 30_000
/** … and one that fell silent: two probes. */
const SILENCE_NOTICED_MS = 60_000
const RANKS = 2 ** 32
const NEVER = new AbortController().signal

/** How a node dies: with its connections reset and new ones refused, or by answering nothing any more. */
export type Death = 'reset' | 'silent'

/** One machine: its links, its CPU, its coordinator and the members it knows. */
export class Machine {
  readonly peer: Peer
  readonly up: Link
  readonly down: Link
  readonly desk: ClaimDesk
  readonly takers: ClaimTakers
  readonly members: Pick<Members, 'peerId' | 'find' | 'closest'>
  death: { readonly kind: Death; readonly at: number } | undefined
  claimsSent = 0
  claimsTaken = 0
  uploadedBytes = 0
  /** When its CPU has done what claims are waiting for. */
  busyUntil = 0

  constructor(cluster: Cluster, peer: Peer) {
    const { clock, conditions } = cluster
    this.peer = peer
    this.up = new Link(conditions.nodeRate)
    this.down = new Link(conditions.nodeRate)
    const isLive = (id: string): boolean => cluster.isKnownLive(this, id)
    this.members = {
      peerId: peer.id,
      find: id => (isLive(id) && id !== peer.id ? cluster.find(id)?.peer : undefined),
      closest: (key, count, options) => cluster.closest(key, count, { ...options, to: this }),
    }
    this.takers = new ClaimTakers({ clock, members: this.members })
    const coordinator = new Coordinator({ clock, isLive, closer: key => this.takers.nearer(key)[0]?.id })
    this.desk = new ClaimDesk({ coordinator, clock, startTimeout: clock.startTimeout })
  }
}

/** Machines that know each other, learn of deaths late and each at another time, and send each other claims. */
export class Cluster {
  readonly clock: EventClock
  readonly conditions: Conditions
  readonly machines: readonly Machine[]
  readonly #byId: ReadonlyMap<string, Machine>
  readonly #orders = new Map<string, ReadonlyMap<Machine, number>>()

  constructor(clock: EventClock, conditions: Conditions) {
    this.clock = clock
    this.conditions = conditions
    this.machines = Array.from({ length: conditions.nodes }, (_, index) => {
      const id = `node ${conditions.seed}.${index}`
      return new Machine(this, { id, registry: { host: '10.0.0.1', port: index + 1 } })
    })
    this.#byId = new Map(this.machines.map(machine => [machine.peer.id, machine]))
  }

  find(id: string): Machine | undefined {
    return this.#byId.get(id)
  }

  /** Whether `observer` takes a node for live. */
  isKnownLive(observer: Machine, id: string): boolean {
    const death = this.find(id)?.death
    if (death === undefined) return this.#byId.has(id)
    const chance = rankOf(observer.peer.id, id) / RANKS
    return this.clock.now() < death.at + chance * (death.kind === 'reset' ? RESET_NOTICED_MS : SILENCE_NOTICED_MS)
  }

  closest(key: string, count: number, { to, nearerThanSelf = false }: { to: Machine; nearerThanSelf?: boolean }) {
    const order = this.#order(key)
    const closest: Peer[] = []
    for (const machine of order.keys()) {
      if (closest.length === count || (nearerThanSelf && machine === to)) break
      if (machine !== to && this.isKnownLive(to, machine.peer.id)) closest.push(machine.peer)
    }
    return closest
  }

  /** Takes claims to other machines, which answer them one after the other. */
  sender(from: Machine): ClaimSender {
    const { clock, conditions } = this
    return {
      send: async ({ id }, claim) => {
        const { promise, resolve, reject } = clock.promise<ReturnType<Coordinator['claim']>>()
        const to = this.find(id)
        const fail = (): void => reject(new Error('no answer'))
        from.claimsSent += 1
        const sentAt = Math.max(clock.now(), from.busyUntil) + conditions.claimMs
        from.busyUntil = sentAt
        // A connection is made first: one way there and back again.
        const arrivesIn = sentAt - clock.now() + 3 * conditions.latencyMs
        clock.after(arrivesIn, () => {
          if (to === undefined || to.death?.kind === 'silent') return
          if (to.death !== undefined) {
            clock.after(conditions.latencyMs, fail)
            return
          }
          to.claimsTaken += 1
          to.busyUntil = Math.max(clock.now(), to.busyUntil) + conditions.claimMs
          clock.after(to.busyUntil - clock.now(), () => {
            if (to.death !== undefined) return
            const answered = to.desk.claim(claim, { signal: NEVER })
            clock.unsettle()
            void answered.then(answer => clock.after(conditions.latencyMs, () => resolve(answer)))
          })
        })
        clock.after(to?.death?.kind === 'silent' ? CLAIM_CONNECT_TIMEOUT_MS : ANSWER_TIMEOUT_MS, fail)
        return await promise
      },
    }
  }

  /** All machines, closest to `key` first. */
  #order(key: string): ReadonlyMap<Machine, number> {
    const known = this.#orders.get(key)
    if (known !== undefined) return known
    const ranks = this.machines.map(machine => [machine, rankOf(machine.peer.id, key)] as const)
    const order = new Map(ranks.toSorted(([, a], [, b]) => a - b))
    this.#orders.set(key, order)
    return order
  }
}
