import { setTimeout as sleep } from 'node:timers/promises'
import type { CallOptions } from './router.ts'

/** Time as routing sees it; a fake in tests. */
export interface Clock {
  /** Milliseconds since some fixed moment; never goes back. */
  now(): number
  /** Resolves after `ms`, or as soon as `signal` aborts. Does not keep the process alive. */
  sleep(ms: number, options: CallOptions): Promise<void>
}

/** The real time. */
export const systemClock: Clock = {
  now: () => performance.now(),
  sleep: (ms, { signal }) => sleep(ms, undefined, { signal, ref: false }).catch(() => {}),
}
