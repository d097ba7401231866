import assert from 'node:assert/strict'
import { setTimeout as sleep } from 'node:timers/promises'

const POLL_MS = 5
/** Far more than anything waited for takes. */
const PATIENCE_MS = 30_000

/** Resolves once `condition` holds; fails where it does not in thirty seconds. */
export async function until(condition: () => boolean | Promise<boolean>): Promise<void> {
  const deadline = performance.now() + PATIENCE_MS
  while (!(await condition())) {
    assert.ok(performance.now() < deadline, `waited in vain until ${condition.toString()}`)
    await sleep(POLL_MS)
  }
}
