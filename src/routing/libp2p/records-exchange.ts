import { randomInt } from 'node:crypto'
import type { Log } from '../../observability/log.ts'
import type { Clock } from '../clock.ts'
import type { Background } from './background.ts'
import { KadTarget } from './kad-target.ts'
import type { Lookup } from './lookup.ts'
import type { MemberKeeper } from './member-keeper.ts'
import type { Member, MemberTable } from './members.ts'
import type { OwnPeer } from './own-peer.ts'
import { peerIdText } from './peer-id.ts'
import type { Provide } from './provide.ts'
import type { RecentAskers } from './recent-askers.ts'
import type { RecordTarget } from './record-target.ts'
import { type Gone, type Hello, MAX_KEYS } from './records-message.ts'
import type { RecordsStream } from './records-stream.ts'
import { RecordsTarget } from './records-target.ts'
import { TokenBucket } from './token-bucket.ts'

/** Peers told of withdrawn keys at once; others hear of it when their cached answers expire. */
const MAX_TOLD = 256
/** Longest wait for one of them to take the news. */
const TELL_TIMEOUT_MS = 1000

/** Restarts of one member that count: who claims more is not told everything each time. */
const RESTARTS = { burst: 3, perSecond: 0.1 }

export interface RecordsExchangeComponents {
  readonly log: Log
  readonly clock: Pick<Clock, 'now'>
  readonly own: Pick<OwnPeer, 'kadPeer'>
  readonly members: MemberTable
  readonly keeper: Pick<MemberKeeper, 'check'>
  readonly provide: Pick<Provide, 'joined' | 'left'>
  readonly lookup: Pick<Lookup, 'forget'>
  readonly askers: RecentAskers
  readonly background: Background
}

/** What this process says of itself, with a number of its own. */
export function createHello(registryPort: number): Hello {
  return { type: 'hello', registryPort, process: randomInt(2 ** 32) }
}

/** Connects the provide sweep, lookups and members: who is told of what by which protocol. */
export class RecordsExchange {
  readonly #components: RecordsExchangeComponents
  readonly #targets = new Map<Member, RecordTarget>()
  #telling = 0

  constructor(components: RecordsExchangeComponents) {
    this.#components = components
  }

  start(): void {
    this.#components.members.subscribe({
      joined: member => this.#joined(member),
      returned: member => this.#returned(member),
      left: member => this.#left(member),
    })
  }

  /**
   * The provider with this id holds `keys` no longer: cached answers of lookups are dropped, here and by those whom this
   * node named the provider to a moment ago.
   */
  gone(provider: Uint8Array, keys: readonly Uint8Array[]): void {
    const { askers, background, lookup, members } = this.#components
    lookup.forget(provider, keys)
    for (const { asker, keys: asked } of askers.of(keys)) {
      const records = members.get(peerIdText(asker) ?? '')?.records
      if (records === undefined || this.#telling >= MAX_TOLD) continue
      background.run('tell of withdrawn keys', signal => this.#tell(records, { provider, keys: asked }, signal))
    }
  }

  /** The peer with this id has greeted this node: where it is a member, it may be a new process. */
  met(peer: Uint8Array, hello: Hello): void {
    this.#components.members.get(peerIdText(peer) ?? '')?.records?.meet(hello)
  }

  async #tell(records: RecordsStream, { provider, keys }: Omit<Gone, 'type'>, stop: AbortSignal): Promise<void> {
    const signal = AbortSignal.any([stop, AbortSignal.timeout(TELL_TIMEOUT_MS)])
    this.#telling++
    try {
      for (let index = 0; index < keys.length; index += MAX_KEYS) {
        await records.gone({ type: 'gone', provider, keys: keys.slice(index, index + MAX_KEYS) }, { signal })
      }
    } catch (error) {
      this.#components.log.debug('peer cannot be told of withdrawn keys', { error })
    } finally {
      this.#telling--
    }
  }

  #joined(member: Member): void {
    const { clock, provide } = this.#components
    const restarts = new TokenBucket(clock, RESTARTS)
    const begin = (): void => {
      const target = this.#target(member)
      this.#targets.set(member, target)
      provide.joined(target)
    }
    begin()
    member.records?.onRestart(() => {
      const target = this.#targets.get(member)
      if (target === undefined || !restarts.take()) return
      provide.left(target)
      begin()
    })
  }

  /** `member` as the provide sweep sees it. Where it does not take what it is told, it may be gone. */
  #target(member: Member): RecordTarget {
    const { keeper, own } = this.#components
    const { position, records, stream } = member
    const parts = { position, own: () => own.kadPeer }
    const target =
      records === undefined ? new KadTarget({ ...parts, stream }) : new RecordsTarget({ ...parts, stream: records })
    return {
      kind: target.kind,
      position,
      retract: (keys, options) => target.retract(keys, options),
      async announce(keys, options) {
        try {
          return await target.announce(keys, options)
        } catch (error) {
          if (!options.signal.aborted) keeper.check(member)
          throw error
        }
      },
    }
  }

  /** A member that was away for a moment may be a new process: its hello tells. */
  #returned({ records }: Member): void {
    if (records === undefined) return
    this.#components.background.run('greet returned member', async signal => {
      try {
        await records.hello({ signal })
      } catch (error) {
        this.#components.log.debug('returned member does not say hello', { error })
      }
    })
  }

  #left(member: Member): void {
    const target = this.#targets.get(member)
    if (target === undefined) return
    this.#targets.delete(member)
    this.#components.provide.left(target)
    member.records?.close()
  }
}
