/** Where a peer's registry listens. `host` is an IP address, IPv6 without brackets. */
export interface Endpoint {
  readonly host: string
  readonly port: number
}

/** Another node of the cluster. */
export interface Peer {
  /** Stable identity on the mesh (libp2p peer id in text form). */
  readonly id: string
  /** Where its registry answers; the IP is one that its connection or record proves. */
  readonly registry: Endpoint
}

export interface CallOptions {
  readonly signal: AbortSignal
}

export interface LookupOptions extends CallOptions {
  /**
   * Whether what an earlier lookup found is of no use, because all the peers that it named failed. One that began a moment
   * ago is as good as another. Default false.
   */
  readonly fresh?: boolean
}

/** Finds which peers hold a key, and tells peers which keys this node holds. Keys are those of `routingKey`. */
export interface Router {
  /**
   * Yields peers that advertise `key`, as answers arrive, never oneself and none twice. Ends when all that were asked
   * have answered, or when `signal` aborts (without an error).
   */
  lookup(key: string, options: LookupOptions): AsyncIterable<Peer>
  /** Announces `keys` and keeps them announced until withdrawn. Resolves once the peers at hand have been told. */
  advertise(keys: readonly string[], options: CallOptions): Promise<void>
  /**
   * Takes `keys` back. Resolves once the peers at hand have been told; those that can't be forget them when the record
   * expires.
   */
  withdraw(keys: readonly string[], options: CallOptions): Promise<void>
  /** Whether lookups can find anything: the node has joined, or is known to be alone. */
  ready(): boolean
}

/** Optional capability of a router: it hears of peers that fail those whom it names them to. */
export interface Doubts {
  /** `peer` did not answer a request: lookups pass it over until it has shown that it is there. Returns at once. */
  doubt(peer: Peer): void
}

/** A peer that became a live member, or no longer is one. */
export interface MemberChange {
  readonly type: 'joined' | 'left'
  readonly peer: Peer
}

/** Which members are meant. */
export interface MemberOptions {
  /** Also those that lately failed to answer and are being asked whether they are there. Default: false. */
  readonly evenDoubted?: boolean
}

export interface ClosestOptions extends MemberOptions {
  /** Only those that are closer to the key than this node. Default: false. */
  readonly nearerThanSelf?: boolean
}

/** Optional capability of a router: who else is there. */
export interface Members {
  /** Peer id of this node, which is none of the members. */
  readonly peerId: string
  /** The `count` live members whose ids are closest to `key` (XOR of hashes), nearest first. */
  closest(key: string, count: number, options?: ClosestOptions): readonly Peer[]
  list(): readonly Peer[]
  /** The live member with this peer id. */
  find(id: string, options?: MemberOptions): Peer | undefined
  /**
   * What changes from the call on, until `signal` aborts. A reader that falls behind sees only the latest change of a
   * peer; {@link list} is the truth.
   */
  changes(options: CallOptions): AsyncIterable<MemberChange>
}
