import type { IncomingMessage } from 'node:http'
import { MAX_CLAIM_BYTES } from '../coalesce/claim.ts'
import type { Exchange } from '../http/exchange.ts'
import { readBody } from '../http/read-body.ts'
import { Slots } from '../http/slots.ts'
import type { Clock } from '../routing/clock.ts'

/** How long one that claims too much waits to be told so. */
const HOLD_MS = 500
/** Connections that are held at once; more are hung up on. */
const MAX_HELD = 64

/**
 * Holds those up who claim more than they may. To refuse costs nearly as much as to answer, so a flood that is refused at once
 * still takes a whole core; what is not read leaves its sender waiting instead.
 */
export class SlowRefusals {
  readonly #clock: Pick<Clock, 'sleep'>
  readonly #slots = new Slots({ limit: MAX_HELD })

  constructor(components: { readonly clock: Pick<Clock, 'sleep'> }) {
    this.#clock = components.clock
  }

  /** Reads nothing more from the client of `exchange` for half a second, or hangs up: then false is returned. */
  async hold({ request, signal }: Exchange): Promise<boolean> {
    const { socket } = request
    using slot = this.#slots.take()
    // At the end of its body the parser would go on reading.
    if (slot === undefined || !(await isRead(request))) {
      socket.destroy()
      return false
    }
    socket.pause()
    await this.#clock.sleep(HOLD_MS, { signal })
    socket.resume()
    return !signal.aborted
  }
}

async function isRead(request: IncomingMessage): Promise<boolean> {
  return await readBody(request, MAX_CLAIM_BYTES).then(
    () => true,
    () => false,
  )
}
