import type { PositionalReader } from '../http/body.ts'
import type { CallOptions, GrowingBlob } from '../store/store.ts'
import { ContentGivenUpError } from './errors.ts'

/** Stall times in a row before a tail is given up. Whoever reads it has long gone to another source by then. */
const MAX_STALLS = 24

/**
 * Reads content while it is written: a read past what is there waits until more is. One that stalls goes on waiting,
 * because its writer may be finding another source; the reader decides when that is too long.
 * @throws {ContentGivenUpError} from `read`, where the writer gave the content up
 */
export function tail(growing: GrowingBlob, options: CallOptions): PositionalReader {
  return {
    async read(into, position) {
      for (let stalls = 0; stalls < MAX_STALLS; ) {
        const read = position < growing.size ? await growing.read(into, position) : 0
        if (read > 0 || position >= growing.size) return read
        const growth = await growing.waitPast(position, options)
        if (growth === 'aborted') break
        if (growth === 'stalled') stalls += 1
        // What is committed is complete, so a read that finds nothing now never will.
        if (growth === 'committed') return await growing.read(into, position)
      }
      throw new ContentGivenUpError(position, growing.size)
    },
  }
}
