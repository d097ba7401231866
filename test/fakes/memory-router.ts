import { ChangeFeed } from '../../src/routing/libp2p/change-feed.ts'
import { compareDistance, positionOf, recordKey } from '../../src/routing/libp2p/record-key.ts'
import type { CallOptions, MemberChange, Members, Peer, Router } from '../../src/routing/router.ts'

function peerPosition(peer: Peer): Buffer {
  return positionOf(Buffer.from(peer.id))
}

/** What the routers of one test share instead of a network. */
export class MemoryMesh {
  readonly #routers = new Set<MemoryRouter>()

  /** A router for a node that others know as `peer`. */
  join(peer: Peer): MemoryRouter {
    const router = new MemoryRouter(this.#routers, peer)
    for (const other of this.#routers) other.tell({ type: 'joined', peer })
    this.#routers.add(router)
    return router
  }
}

/** A router that knows at once whatever the others advertise. */
class MemoryRouter implements Router, Members, AsyncDisposable {
  readonly #mesh: Set<MemoryRouter>
  readonly #self: Peer
  readonly #keys = new Set<string>()
  readonly #feeds = new Set<ChangeFeed>()

  constructor(mesh: Set<MemoryRouter>, self: Peer) {
    this.#mesh = mesh
    this.#self = self
  }

  async *lookup(key: string, { signal }: CallOptions): AsyncGenerator<Peer> {
    for (const router of this.#others()) {
      if (signal.aborted) return
      if (router.#keys.has(key)) yield router.#self
    }
  }

  async advertise(keys: readonly string[], { signal }: CallOptions): Promise<void> {
    signal.throwIfAborted()
    for (const key of keys) this.#keys.add(key)
  }

  async withdraw(keys: readonly string[], { signal }: CallOptions): Promise<void> {
    signal.throwIfAborted()
    for (const key of keys) this.#keys.delete(key)
  }

  ready(): boolean {
    return true
  }

  get peerId(): string {
    return this.#self.id
  }

  closest(key: string, count: number, { nearerThanSelf = false } = {}): readonly Peer[] {
    const { position } = recordKey(key)
    const own = peerPosition(this.#self)
    return this.list()
      .filter(peer => !nearerThanSelf || compareDistance(position, peerPosition(peer), own) < 0)
      .toSorted((a, b) => compareDistance(position, peerPosition(a), peerPosition(b)))
      .slice(0, count)
  }

  find(id: string): Peer | undefined {
    return this.list().find(peer => peer.id === id)
  }

  list(): readonly Peer[] {
    return this.#others().map(router => router.#self)
  }

  changes(options: CallOptions): AsyncIterable<MemberChange> {
    const feed = new ChangeFeed()
    this.#feeds.add(feed)
    return feed.read(options)
  }

  tell(change: MemberChange): void {
    for (const feed of this.#feeds) feed.push(change)
  }

  /** Leaves the mesh. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#mesh.delete(this)
    for (const other of this.#mesh) other.tell({ type: 'left', peer: this.#self })
  }

  #others(): readonly MemoryRouter[] {
    return [...this.#mesh].filter(router => router !== this)
  }
}
