import { AsyncLocalStorage } from 'node:async_hooks'
import { RequestRecord, type RequestStart } from './request-record.ts'

/** Requests that are over and still remembered, the newest ones. */
export const MAX_RECENT_REQUESTS = 256
/** Requests followed at once; a flood beyond that is counted by the metrics alone. */
const MAX_RUNNING_REQUESTS = 1024

export interface ActivityComponents {
  /** Milliseconds of a monotonic clock. Default: the process's. */
  readonly now?: () => number
}

/** What this node is asked for: requests that run, and those that ran last. */
export class Activity {
  readonly #now: () => number
  readonly #current = new AsyncLocalStorage<RequestRecord>()
  readonly #running = new Map<number, RequestRecord>()
  readonly #recent: RequestRecord[] = []
  #lastId = 0

  constructor({ now = () => performance.now() }: ActivityComponents = {}) {
    this.#now = now
  }

  /** The request that the caller works for; undefined where it is none that is followed. */
  get current(): RequestRecord | undefined {
    return this.#current.getStore()
  }

  /** Requests begun so far: whether anything happened since. */
  get count(): number {
    return this.#lastId
  }

  /** Follows a request for as long as `work` takes, and settles as that does. */
  async follow<T>(start: RequestStart, work: () => Promise<T>): Promise<T> {
    if (this.#running.size >= MAX_RUNNING_REQUESTS) return await work()
    this.#lastId += 1
    const record = new RequestRecord(this.#lastId, start, this.#now)
    this.#running.set(record.id, record)
    try {
      const result = await this.#current.run(record, work)
      record.end()
      return result
    } catch (error) {
      record.fail(error)
      throw error
    } finally {
      this.#running.delete(record.id)
      this.#recent.push(record)
      if (this.#recent.length > MAX_RECENT_REQUESTS) this.#recent.shift()
    }
  }

  /** Requests that are being answered, the oldest first. */
  running(): readonly RequestRecord[] {
    return [...this.#running.values()]
  }

  /** Requests that were answered, the newest first. */
  recent(): readonly RequestRecord[] {
    return this.#recent.toReversed()
  }
}
