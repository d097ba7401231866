import { setImmediate } from 'node:timers/promises'
import type { Clock } from '../../src/routing/clock.ts'

/** Something that will happen, unless it is called off. */
export interface Due {
  readonly at: number
  readonly order: number
  happen: (() => void) | undefined
}

/** Time that goes from one event to the next, however far apart they are, in milliseconds and fractions of them. */
export class EventClock implements Clock {
  readonly #heap: Due[] = []
  #now = 0
  #scheduled = 0
  #unsettled = false

  now(): number {
    return this.#now
  }

  /** Unlike the real clock's, a sleep is not cut short. */
  sleep(ms: number): Promise<void> {
    const { promise, resolve } = this.promise<void>()
    this.after(ms, resolve)
    return promise
  }

  after(ms: number, happen: () => void): Due {
    const due: Due = { at: this.#now + ms, order: this.#scheduled, happen }
    this.#scheduled += 1
    push(this.#heap, due)
    return due
  }

  /** As `startFairTimeout`; may be passed around on its own. */
  readonly startTimeout = (delayMs: number, onTimeout: () => void): Disposable => {
    const due = this.after(delayMs, () => {
      this.#unsettled = true
      onTimeout()
    })
    return {
      [Symbol.dispose]() {
        due.happen = undefined
      },
    }
  }

  /** What has just happened settles promises that are none of {@link promise}. */
  unsettle(): void {
    this.#unsettled = true
  }

  /** A promise, whose followers have their turn before time goes on once it is resolved. */
  promise<T>() {
    const { promise, resolve, reject } = Promise.withResolvers<T>()
    return {
      promise,
      resolve: (value: T): void => {
        this.#unsettled = true
        resolve(value)
      },
      reject: (reason: unknown): void => {
        this.#unsettled = true
        reject(reason)
      },
    }
  }

  /** Lets time pass until nothing is due any more. */
  async run(): Promise<void> {
    for (let due = pop(this.#heap); due !== undefined; due = pop(this.#heap)) {
      if (due.happen === undefined) continue
      this.#now = due.at
      due.happen()
      if (!this.#unsettled) continue
      this.#unsettled = false
      await setImmediate()
    }
  }
}

function isBefore(a: Due, b: Due): boolean {
  return a.at < b.at || (a.at === b.at && a.order < b.order)
}

function push(heap: Due[], due: Due): void {
  let index = heap.length
  while (index > 0) {
    const above = (index - 1) >>> 1
    const parent = heap[above]
    if (parent === undefined || isBefore(parent, due)) break
    heap[index] = parent
    index = above
  }
  heap[index] = due
}

function pop(heap: Due[]): Due | undefined {
  const [first] = heap
  const last = heap.pop()
  if (first === undefined || last === undefined || heap.length === 0) return first
  let index = 0
  for (;;) {
    const left = heap[2 * index + 1]
    const right = heap[2 * index + 2]
    const isRight = left !== undefined && right !== undefined && isBefore(right, left)
    const child = isRight ? right : left
    if (child === undefined || isBefore(last, child)) break
    heap[index] = child
    index = 2 * index + (isRight ? 2 : 1)
  }
  heap[index] = last
  return first
}
