import { setTimeout } from 'node:timers/promises'
import type { Log } from '../../observability/log.ts'
import type { CallOptions } from '../store.ts'
import { systemError } from './call-error.ts'
import type { ContainerdConnection } from './connection.ts'
import { ContainerdUnavailableError, DeadSocketError } from './errors.ts'
import type { IntrospectionService } from './services.ts'
import { isMountPoint, isNoSocket } from './socket-file.ts'

const FIRST_RETRY_MS = 100
const LONGEST_RETRY_MS = 1_000
/** How long connections are refused before the socket is taken for one that can't come back. */
const DEAD_AFTER_MS = 10_000
/** Longest time without a look, should the end of a connection have been missed. */
const LONGEST_LOOK_MS = 600_000

export interface ConnectionWatchComponents {
  readonly connection: Pick<ContainerdConnection, 'socket' | 'ended'>
  readonly introspection: Pick<IntrospectionService, 'version'>
  readonly log: Log
}

export interface ConnectionWatchOptions {
  /** Default: {@link DEAD_AFTER_MS}. */
  readonly deadAfterMs?: number
  /** Whether a path is a mount of its own. Default: asks the kernel. */
  readonly isMount?: (path: string) => Promise<boolean>
}

/** How containerd is. */
type Condition =
  | { readonly kind: 'up'; readonly version: string }
  | { readonly kind: 'missing' | 'refused' | 'denied' | 'silent' | 'foreign'; readonly error: unknown }

const KINDS_BY_CODE: ReadonlyMap<string, 'missing' | 'refused' | 'denied'> = new Map([
  ['ENOENT', 'missing'],
  ['ENOTDIR', 'missing'],
  ['ECONNREFUSED', 'refused'],
  ['EACCES', 'denied'],
  ['EPERM', 'denied'],
])

/** What a log line says where containerd can't be used; what there is to do about it comes after the colon. */
const TROUBLE = {
  missing: 'the socket of containerd does not exist: waiting for it',
  refused: 'containerd refuses connections: waiting for it',
  denied: 'the socket of containerd may not be opened: this process needs to be root or of its group',
  silent: 'containerd does not answer: waiting for it',
  foreign: 'what is at the socket is no containerd: --containerd-sock needs another path',
} as const

/**
 * Knows whether containerd can be reached, and tells it to people: one log line a change. A socket that is missing or
 * refuses is waited for as long as it takes, because meanwhile this node serves peers from its content directory, and
 * everything else is a miss. One case is given up: a socket that is a mount of its own keeps refusing once its containerd
 * has ended, and only a new process can get at the new one.
 */
export class ConnectionWatch {
  readonly #components: ConnectionWatchComponents
  readonly #deadAfterMs: number
  readonly #isMount: (path: string) => Promise<boolean>
  #condition: Condition['kind'] | undefined
  #refusedSinceMs: number | undefined
  #wasSilent = false

  constructor(components: ConnectionWatchComponents, options: ConnectionWatchOptions = {}) {
    this.#components = components
    this.#deadAfterMs = options.deadAfterMs ?? DEAD_AFTER_MS
    this.#isMount = options.isMount ?? isMountPoint
  }

  /**
   * Watches until `signal` aborts.
   * @throws {DeadSocketError}
   */
  async run({ signal }: CallOptions): Promise<void> {
    const { ended } = this.#components.connection
    let retryMs = FIRST_RETRY_MS
    try {
      while (!signal.aborted) {
        ended.clear()
        const condition = await this.#look({ signal })
        this.#tell(condition)
        if (condition.kind === 'up') {
          retryMs = FIRST_RETRY_MS
          await ended.wait({ signal, timeoutMs: LONGEST_LOOK_MS })
        } else {
          await this.#checkRefusal(condition.kind)
          await setTimeout(retryMs, undefined, { signal })
          retryMs = Math.min(2 * retryMs, LONGEST_RETRY_MS)
        }
      }
    } catch (error) {
      if (!signal.aborted) throw error
    }
  }

  async #look({ signal }: CallOptions): Promise<Condition> {
    try {
      return { kind: 'up', version: await this.#components.introspection.version({ signal }) }
    } catch (error) {
      signal.throwIfAborted()
      return { kind: await this.#diagnose(error), error }
    }
  }

  async #diagnose(error: unknown): Promise<Exclude<Condition['kind'], 'up'>> {
    if (!(error instanceof ContainerdUnavailableError)) return 'foreign'
    const kind = KINDS_BY_CODE.get(systemError(error)?.code ?? '') ?? 'silent'
    return kind === 'refused' && (await isNoSocket(this.#components.connection.socket)) ? 'foreign' : kind
  }

  #tell(condition: Condition): void {
    const { log, connection } = this.#components
    if (condition.kind !== 'refused') this.#refusedSinceMs = undefined
    // A containerd that is being ended may still break one connection more before it is seen to be gone.
    const isSilence = condition.kind === 'silent' && this.#wasSilent
    this.#wasSilent = condition.kind === 'silent'
    if (condition.kind === this.#condition || (condition.kind === 'silent' && !isSilence)) return
    this.#condition = condition.kind
    const { socket } = connection
    if (condition.kind === 'up') log.info('connected to containerd', { socket, version: condition.version })
    else if (condition.kind === 'foreign' || condition.kind === 'denied') {
      log.error(TROUBLE[condition.kind], { socket, error: condition.error })
    } else log.warn(TROUBLE[condition.kind], { socket, error: condition.error })
  }

  async #checkRefusal(kind: Condition['kind']): Promise<void> {
    if (kind !== 'refused') return
    this.#refusedSinceMs ??= performance.now()
    const refusedMs = performance.now() - this.#refusedSinceMs
    const { socket } = this.#components.connection
    if (refusedMs >= this.#deadAfterMs && (await this.#isMount(socket))) throw new DeadSocketError(socket, refusedMs)
  }
}
