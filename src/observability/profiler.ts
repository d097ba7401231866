import type { Session } from 'node:inspector/promises'
import { setTimeout as delay } from 'node:timers/promises'

/** Longest time one profile may record. */
export const MAX_PROFILE_SECONDS = 60

/** A profile was asked for while another is being recorded. */
export class ProfilerBusyError extends Error {
  readonly code = 'PROFILER_BUSY'

  constructor() {
    super('another profile is being recorded; try again when it is done')
    this.name = 'ProfilerBusyError'
  }
}

export interface ProfileOptions {
  /** How long to record, up to {@link MAX_PROFILE_SECONDS}. */
  readonly seconds: number
  readonly signal: AbortSignal
}

/** Records profiles of this process, one at a time. */
export class Profiler {
  #busy = false

  /**
   * CPU samples as a V8 `.cpuprofile` (JSON).
   * @throws {ProfilerBusyError}
   */
  async cpu(options: ProfileOptions): Promise<string> {
    return await this.#record(async session => {
      await session.post('Profiler.enable')
      await session.post('Profiler.start')
      await delay(options.seconds * 1000, undefined, { signal: options.signal })
      return (await session.post('Profiler.stop')).profile
    })
  }

  /**
   * Where memory is allocated, sampled, as a V8 `.heapprofile` (JSON). It holds stacks and sizes but no values: a heap
   * snapshot would hold keys and passwords.
   * @throws {ProfilerBusyError}
   */
  async heap(options: ProfileOptions): Promise<string> {
    return await this.#record(async session => {
      await session.post('HeapProfiler.startSampling')
      await delay(options.seconds * 1000, undefined, { signal: options.signal })
      return (await session.post('HeapProfiler.stopSampling')).profile
    })
  }

  async #record(run: (session: Session) => Promise<object>): Promise<string> {
    if (this.#busy) throw new ProfilerBusyError()
    this.#busy = true
    // Loaded when it is needed: no node should carry the debugger about.
    const inspector = await import('node:inspector/promises')
    const session = new inspector.Session()
    try {
      session.connect()
      return JSON.stringify(await run(session))
    } finally {
      session.disconnect()
      this.#busy = false
    }
  }
}
