import { setTimeout as delay } from 'node:timers/promises'

const POLL_MS = 20

/** Resolves once `check` passes; fails with its last failure where it does not within `ms`, which something promises. */
export async function within(ms: number, check: () => Promise<void>): Promise<void> {
  const deadline = performance.now() + ms
  for (;;) {
    try {
      return await check()
    } catch (error) {
      if (performance.now() > deadline) throw error
    }
    await delay(POLL_MS)
  }
}
