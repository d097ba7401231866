import type { CallOptions } from '../router.ts'
import type { PlacedMember } from './placement.ts'

/** A member as the provide sweep sees it: someone who can be told which record keys (as bytes) this node holds. */
export interface RecordTarget extends PlacedMember {
  /**
   * Announces that this node holds `keys`, `MAX_KEYS` at most; sending one twice does no harm.
   * @returns the places in the list of those that so many hold that this node need not announce them for a while
   * @throws where the member cannot be reached or refuses; it is tried again
   */
  announce(keys: readonly Uint8Array[], options: CallOptions): Promise<readonly number[]>
  /**
   * Takes announcements back, `MAX_KEYS` at most. Only called where `kind` is `spegel`: kad has no message
   * for it.
   * @throws where the member cannot be reached or refuses; it is tried again
   */
  retract(keys: readonly Uint8Array[], options: CallOptions): Promise<void>
}
