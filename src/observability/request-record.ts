/** Peers that one request was tried at, as far as they are remembered. */
const MAX_ATTEMPTS = 16
/** Characters of a name that are remembered: the longest reference there can be is shorter. */
const MAX_NAME_CHARACTERS = 1024

/** What a request is known by when it begins. */
export interface RequestStart {
  /** What is asked for, as a reference. */
  readonly name: string
  readonly kind: 'manifest' | 'blob'
  readonly method: string
  /** Who asks: a client of this node, or another node. */
  readonly from: 'local' | 'peer'
  /** Address that asks. */
  readonly client: string
  /** Bytes that the answer will have, once its head says so. */
  readonly size: () => number | undefined
}

/** A peer that was asked. */
export interface Attempt {
  /** Where it was asked, `host:port`. */
  readonly peer: string
  /** `answered`, or why not. */
  readonly outcome: string
  /** From the request's beginning to when it was asked. */
  readonly atMs: number
  /** How long it took. */
  readonly ms: number
}

/**
 * `served` is an answer in full; `miss` one that sends the client to the registry; `failed` any other, such as a client that
 * hung up or a body that broke off.
 */
export type RequestOutcome = 'running' | 'served' | 'miss' | 'failed'

/** One request, from its beginning to its end. */
export class RequestRecord {
  readonly id: number
  readonly name: string
  readonly start: Omit<RequestStart, 'name' | 'size'>
  /** When it began, in milliseconds since the epoch. */
  readonly time = Date.now()
  readonly #now: () => number
  readonly #startedAt: number
  readonly #attempts: Attempt[] = []
  readonly #bytes = new Map<string, number>()
  #outcome: RequestOutcome = 'running'
  #reason: string | undefined
  #headMs: number | undefined
  #ms: number | undefined
  #size: () => number | undefined

  constructor(id: number, start: RequestStart, now: () => number) {
    this.id = id
    const { name, size, ...rest } = start
    this.start = rest
    this.name = name.slice(0, MAX_NAME_CHARACTERS)
    this.#size = size
    this.#now = now
    this.#startedAt = now()
  }

  get outcome(): RequestOutcome {
    return this.#outcome
  }

  /** Why it was no success; undefined where it was, or none is known. */
  get reason(): string | undefined {
    return this.#reason
  }

  get attempts(): readonly Attempt[] {
    return this.#attempts
  }

  /** Milliseconds to the first byte of the answer. */
  get headMs(): number | undefined {
    return this.#headMs
  }

  /** Milliseconds so far, or in all. */
  get ms(): number {
    return this.#ms ?? this.#elapsed()
  }

  /** Bytes that the answer has, as its head says; undefined before. */
  get size(): number | undefined {
    return this.#size()
  }

  /** Bytes sent, by where they came from. */
  get bytes(): ReadonlyMap<string, number> {
    return this.#bytes
  }

  /** Notes a peer that was asked `ms` ago. */
  attempt(peer: string, outcome: string, ms: number): void {
    if (this.#ms !== undefined || this.#attempts.length >= MAX_ATTEMPTS) return
    this.#attempts.push({ peer, outcome, atMs: Math.max(0, this.#elapsed() - ms), ms })
  }

  /** Notes bytes that were sent. */
  sent(source: string, bytes: number): void {
    this.#headMs ??= this.#elapsed()
    this.#bytes.set(source, (this.#bytes.get(source) ?? 0) + bytes)
  }

  /** Notes that the answer is a miss. */
  miss(reason: string): void {
    if (this.#ms !== undefined) return
    this.#reason = reason
    this.#outcome = 'miss'
  }

  end(): void {
    this.#close()
    this.#outcome = 'served'
  }

  fail(error: unknown): void {
    this.#close()
    if (this.#outcome === 'miss') return
    this.#outcome = 'failed'
    this.#reason = codeOf(error)
  }

  #close(): void {
    this.#ms = this.#elapsed()
    this.#headMs ??= this.#ms
    const size = this.#size()
    // The response is held on to no longer than it lives.
    this.#size = () => size
  }

  #elapsed(): number {
    return this.#now() - this.#startedAt
  }
}

function codeOf(error: unknown): string {
  if (!(error instanceof Error)) return 'UNKNOWN'
  const code: unknown = Reflect.get(error, 'code')
  return typeof code === 'string' ? code : error.name
}
