import type { Log } from '../../observability/log.ts'
import type { Clock } from '../clock.ts'
import type { CallOptions } from '../router.ts'
import type { Admission } from './admission.ts'
import type { Candidate } from './dialer.ts'
import type { MemberTable } from './members.ts'

/** Peers dialled of one answer. */
const MAX_PEERS = 32
/** While there are no members, bootstrap is tried again after this, twice as long each time… */
const FIRST_RETRY_MS = 250
/** …up to this. */
const LONGEST_RETRY_MS = 5000
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
}

/** What came of one round. */
type Outcome = 'joined' | 'alone' | 'empty' | 'unreachable' | 'failed'

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
      this.#note(await this.#round(signal))
      const since = clock.now()
      if (members.size > 0) await clock.sleep(AGAIN_MS, { signal: AbortSignal.any([signal, this.#wake.signal]) })
      if (members.size > 0) continue
      // Only a stay of some length makes the next retry an early one: a peer may accept and drop this node each time.
      if (clock.now() - since > LONGEST_RETRY_MS) retryMs = FIRST_RETRY_MS
      await clock.sleep(retryMs * (0.5 + random()), { signal })
      retryMs = Math.min(2 * retryMs, LONGEST_RETRY_MS)
    }
  }

  async #round(signal: AbortSignal): Promise<{ readonly outcome: Outcome; readonly error?: unknown }> {
    const { bootstrapper, admission, log } = this.#components
    let candidates: readonly Candidate[]
    try {
      candidates = await bootstrapper.peers({ signal })
    } catch (error) {
      return { outcome: 'failed', error }
    }
    if (candidates.length === 0) return { outcome: 'empty' }
    const joins = await Promise.allSettled(candidates.slice(0, MAX_PEERS).map(candidate => admission.join(candidate)))
    for (const join of joins) {
      if (join.status === 'rejected') log.debug('bootstrap peer cannot be reached', { error: join.reason })
    }
    const answers = joins.filter(join => join.status === 'fulfilled').map(join => join.value)
    if (answers.some(answer => answer !== 'self')) return { outcome: 'joined' }
    return { outcome: answers.length === joins.length ? 'alone' : 'unreachable' }
  }

  /** Logs a change of state, not every failed attempt. */
  #note({ outcome, error }: { readonly outcome: Outcome; readonly error?: unknown }): void {
    const { clock, log } = this.#components
    if (outcome !== 'alone') this.#aloneSince = Number.POSITIVE_INFINITY
    else if (this.#outcome !== 'alone') this.#aloneSince = clock.now()
    if (outcome === this.#outcome) return
    this.#outcome = outcome
    const [level, message] = REPORTS[outcome]
    log[level](message, error === undefined ? {} : { error })
  }
}
