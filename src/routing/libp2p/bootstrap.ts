import type { Log } from '../../observability/log.ts'
import type { Clock } from '../clock.ts'
import type { CallOptions } from '../router.ts'
import type { Admission } from './admission.ts'
import type { Candidate } from './dialer.ts'
import type { MemberTable } from './members.ts'

/** Peers dialled of one answer, drawn by lot: each node is then asked by few, and any node is reached from any other. */
const MAX_PEERS = 32
/** While there are no members, bootstrap begins anew after about this, twice as long each time… */
const FIRST_RETRY_MS = 250
/** …up to this. With its jitter and a round on top it has to stay below ten seconds, a promise to those who wait. */
const LONGEST_RETRY_MS = 4000
/** With members, it is tried again after this, so that parts of a split mesh find each other. */
const AGAIN_MS = 30 * 60 * 1000
/** A bootstrap that names only this node for so long says that there is no other. */
const ALONE_AFTER_MS = 10_000

/** Names peers to join the mesh by. */
export interface Bootstrapper {
  /** All that are known now, this node perhaps among them. Any error means that it can't be told at the moment. */
  peers(options: CallOptions): Promise<readonly Candidate[]>
}

export interface BootstrapComponents {
  readonly log: Log
  readonly clock: Clock
  readonly random: () => number
  readonly members: MemberTable
  readonly admission: Admission
  readonly bootstrapper: Bootstrapper
  /** Members of old, tried where the bootstrapper leads to nobody. */
  readonly remembered: () => readonly Candidate[]
}

/** What came of one round. */
type Outcome = 'joined' | 'alone' | 'empty' | 'unreachable' | 'failed'

interface Round {
  readonly outcome: Outcome
  /** Why it failed. */
  readonly error?: unknown
}

/** How each is logged. */
const REPORTS: Readonly<Record<Outcome, readonly ['info' | 'warn' | 'error', string]>> = {
  joined: ['info', 'bootstrap reached the mesh'],
  alone: ['info', 'bootstrap names only this node'],
  empty: ['warn', 'bootstrap names no peer'],
  unreachable: ['warn', 'no bootstrap peer can be reached'],
  failed: ['error', 'bootstrap failed'],
}

/** Joins the mesh, and joins it again whenever all members are gone. */
export class Bootstrap {
  readonly #components: BootstrapComponents
  #outcome: Outcome | undefined
  #aloneSince = Number.POSITIVE_INFINITY
  #wake = new AbortController()

  constructor(components: BootstrapComponents) {
    this.#components = components
    components.members.subscribe({
      left: () => {
        if (components.members.size === 0) this.#wake.abort()
      },
    })
  }

  /** Whether bootstrap has named nobody but this node for long enough to believe it. */
  get alone(): boolean {
    return this.#components.clock.now() - this.#aloneSince >= ALONE_AFTER_MS
  }

  /** Bootstraps until `signal` aborts. */
  async run({ signal }: CallOptions): Promise<void> {
    const { clock, members, random } = this.#components
    let retryMs = FIRST_RETRY_MS
    while (!signal.aborted) {
      this.#wake = new AbortController()
      const begunAt = clock.now()
      const round = await this.#round(signal)
      if (signal.aborted) return
      this.#note(round, begunAt)
      const since = clock.now()
      if (members.size > 0) await clock.sleep(AGAIN_MS, { signal: AbortSignal.any([signal, this.#wake.signal]) })
      if (members.size > 0) continue
      // Only a stay of some length makes the next retry an early one: a peer may accept and drop this node each time.
      if (clock.now() - since > LONGEST_RETRY_MS) retryMs = FIRST_RETRY_MS
      // Addresses that drop packets make a round long, which must not come on top.
      await clock.sleep(Math.max(0, retryMs * (0.5 + random()) - (since - begunAt)), { signal })
      retryMs = Math.min(2 * retryMs, LONGEST_RETRY_MS)
    }
  }

  async #round(signal: AbortSignal): Promise<Round> {
    const { bootstrapper, members, remembered } = this.#components
    let round: Round
    try {
      round = { outcome: await this.#join(await bootstrapper.peers({ signal })) }
    } catch (error) {
      round = { outcome: 'failed', error }
    }
    if (round.outcome === 'joined' || members.size > 0) return round
    return (await this.#join(remembered())) === 'joined' ? { outcome: 'joined' } : round
  }

  async #join(candidates: readonly Candidate[]): Promise<Outcome> {
    const { admission, log, random } = this.#components
    if (candidates.length === 0) return 'empty'
    const chosen = sample(candidates, MAX_PEERS, random)
    const joins = await Promise.allSettled(chosen.map(candidate => admission.join(candidate)))
    for (const join of joins) {
      if (join.status === 'rejected') log.debug('bootstrap peer cannot be reached', { error: join.reason })
    }
    const answers = joins.filter(join => join.status === 'fulfilled').map(join => join.value)
    if (answers.some(answer => answer !== 'self')) return 'joined'
    return answers.length === joins.length ? 'alone' : 'unreachable'
  }

  /** Logs a change of state, not every failed attempt. */
  #note({ outcome, error }: Round, begunAt: number): void {
    if (outcome !== 'alone') this.#aloneSince = Number.POSITIVE_INFINITY
    else if (this.#outcome !== 'alone') this.#aloneSince = begunAt
    if (outcome === this.#outcome) return
    this.#outcome = outcome
    const [level, message] = REPORTS[outcome]
    this.#components.log[level](message, error === undefined ? {} : { error })
  }
}

/** `count` of `items`, or all. */
function sample<T>(items: readonly T[], count: number, random: () => number): readonly T[] {
  if (items.length <= count) return items
  const rest = [...items]
  return Array.from({ length: count }, () => rest.splice(Math.floor(random() * rest.length), 1)).flat()
}
