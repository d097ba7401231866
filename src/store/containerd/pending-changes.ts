import type { Digest } from '../../oci/digest.ts'
import { ChangeSignal } from '../content-directory/change-signal.ts'

/** Most pieces of content that are asked for one by one. To list all 3000 of a node costs no more than a hundred questions. */
export const MAX_PENDING_CONTENT = 128
/** Most images that are asked for one by one. */
const MAX_PENDING_IMAGES = 128
/** How long after too many changes to keep everything is looked at once more: files come before containerd's records of them. */
const SECOND_LOOK_MS = 1000
/** How long after the first look at content that is not recorded the second is made; then four times as long, and so on. */
const FIRST_RECHECK_MS = 10
/** How often content that is not recorded in our namespace is looked at again: most likely it belongs to another. */
export const MAX_RECHECKS = 5

/** What has to be looked at again. */
export interface Changes {
  /** Whether that is everything. */
  readonly everything: boolean
  /** Names of images. */
  readonly images: readonly string[]
  readonly content: readonly ChangedContent[]
  readonly isEmpty: boolean
}

export interface ChangedContent {
  readonly digest: Digest
  /** How often it was looked at before in vain. */
  readonly rechecks: number
}

interface Due {
  readonly rechecks: number
  readonly dueMs: number
}

/** Collects what may have changed until somebody has time to look at it. */
export class PendingChanges {
  readonly #images = new Set<string>()
  readonly #content = new Map<Digest, Due>()
  #everythingDueMs = Infinity
  #isOverflown = false
  #isWoken = false
  #failure: { readonly error: unknown } | undefined
  readonly #changes = new ChangeSignal()

  /** @param delayMs until it is due; default: none */
  addEverything(delayMs = 0): void {
    this.#everythingDueMs = Math.min(this.#everythingDueMs, performance.now() + delayMs)
    this.#changes.tell()
  }

  addImage(name: string): void {
    this.#images.add(name)
    if (this.#images.size > MAX_PENDING_IMAGES) this.#overflow()
    this.#changes.tell()
  }

  addContent(digest: Digest): void {
    this.#content.set(digest, { rechecks: 0, dueMs: performance.now() })
    if (this.#content.size > MAX_PENDING_CONTENT) this.#overflow()
    this.#changes.tell()
  }

  /** Adds what was looked at in vain, for later; not for ever. */
  addRecheck({ digest, rechecks }: ChangedContent): void {
    if (rechecks >= MAX_RECHECKS || this.#content.has(digest)) return
    if (this.#content.size >= MAX_PENDING_CONTENT) return this.addEverything(SECOND_LOOK_MS)
    const dueMs = performance.now() + FIRST_RECHECK_MS * 4 ** rechecks
    this.#content.set(digest, { rechecks: rechecks + 1, dueMs })
  }

  /** Ends the wait, with nothing to look at. */
  wake(): void {
    this.#isWoken = true
    this.#changes.tell()
  }

  /** Makes waiting fail with `error`. */
  fail(error: unknown): void {
    this.#failure = { error }
    this.#changes.tell()
  }

  /** Waits until something is due, but not longer than `timeoutMs`. */
  async wait({ signal, timeoutMs }: { readonly signal: AbortSignal; readonly timeoutMs: number }): Promise<void> {
    const deadlineMs = performance.now() + timeoutMs
    for (;;) {
      this.#changes.clear()
      if (this.#failure !== undefined) throw this.#failure.error
      const leftMs = Math.min(this.#dueMs(), deadlineMs) - performance.now()
      if (leftMs <= 0) return
      await this.#changes.wait({ signal, timeoutMs: leftMs })
    }
  }

  /** Takes out what is due. */
  take(): Changes {
    const nowMs = performance.now()
    this.#isWoken = false
    const everything = this.#everythingDueMs <= nowMs
    if (everything) {
      this.#everythingDueMs = this.#isOverflown ? nowMs + SECOND_LOOK_MS : Infinity
      this.#isOverflown = false
    }
    const images = [...this.#images]
    this.#images.clear()
    const content: ChangedContent[] = []
    for (const [digest, { rechecks, dueMs }] of this.#content) {
      if (dueMs > nowMs) continue
      content.push({ digest, rechecks })
      this.#content.delete(digest)
    }
    return { everything, images, content, isEmpty: !everything && images.length === 0 && content.length === 0 }
  }

  #overflow(): void {
    this.#images.clear()
    this.#content.clear()
    this.#isOverflown = true
    this.addEverything()
  }

  #dueMs(): number {
    if (this.#isWoken || this.#images.size > 0) return 0
    let dueMs = this.#everythingDueMs
    for (const content of this.#content.values()) dueMs = Math.min(dueMs, content.dueMs)
    return dueMs
  }
}
