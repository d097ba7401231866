import { setTimeout as sleep } from 'node:timers/promises'
import type { Log } from '../../observability/log.ts'
import type { ProbeEndpoint } from './flags.ts'
import { ProbeError, type ProbeOptions, probeAll } from './probe.ts'

export interface WaitOptions extends ProbeOptions {
  readonly probeEndpoint: ProbeEndpoint
  /** How many probes in a row must succeed: a node may be added to the addresses late. */
  readonly threshold: number
  /** From the start of one probe to that of the next. */
  readonly periodMs: number
}

/** Probes until all addresses have answered often enough in a row. Rejects only once `signal` aborts. */
export async function waitForCleanup({ log }: { readonly log: Log }, options: WaitOptions): Promise<void> {
  const { probeEndpoint, threshold, periodMs, signal } = options
  let inARow = 0
  for (;;) {
    const next = performance.now() + periodMs
    try {
      const addresses = await probeAll(probeEndpoint, options)
      inARow += 1
      log.info('every address has answered', { addresses, inARow, threshold })
    } catch (error) {
      if (!(error instanceof ProbeError)) throw error
      inARow = 0
      log.info('cleanup is not done', { error })
    }
    if (inARow >= threshold) return
    await sleep(Math.max(0, next - performance.now()), undefined, { signal })
  }
}
