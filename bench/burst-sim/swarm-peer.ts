import type { Link, Network, Transfer } from './network.ts'

/** Requests that one peer may have under way at another: Kraken's default. */
const PIPELINE = 3

export interface SwarmNode {
  readonly up: Link
  readonly down: Link
  uploadedBytes: number
}

export interface Torrent {
  readonly network: Network
  readonly random: () => number
  readonly pieces: readonly number[]
}

/** One node in the swarm of one blob: it asks each neighbour for the piece that fewest neighbours have. */
export class SwarmPeer {
  readonly node: SwarmNode
  /** With the pieces that each is asked for. */
  readonly neighbours = new Map<SwarmPeer, Map<Transfer, number>>()
  readonly #torrent: Torrent
  readonly #has: Uint8Array
  readonly #isAsked: Uint8Array
  readonly #holders: Uint16Array
  #missing: number
  #isActive = false
  #onComplete: (() => void) | undefined

  constructor(torrent: Torrent, node: SwarmNode) {
    this.#torrent = torrent
    this.node = node
    this.#has = new Uint8Array(torrent.pieces.length)
    this.#isAsked = new Uint8Array(torrent.pieces.length)
    this.#holders = new Uint16Array(torrent.pieces.length)
    this.#missing = torrent.pieces.length
  }

  get isComplete(): boolean {
    return this.#missing === 0
  }

  connect(other: SwarmPeer): void {
    this.neighbours.set(other, new Map())
    other.neighbours.set(this, new Map())
  }

  /** Begins to ask for pieces. */
  start(onComplete: () => void): void {
    this.#onComplete = onComplete
    this.#isActive = true
    for (const neighbour of this.neighbours.keys()) this.#ask(neighbour)
  }

  receive(piece: number): void {
    this.#has[piece] = 1
    this.#missing -= 1
    for (const neighbour of this.neighbours.keys()) neighbour.#heard(this, piece)
    if (this.isComplete) this.#onComplete?.()
  }

  /** Sends and takes nothing any more. */
  freeze(): void {
    this.#isActive = false
    this.#has.fill(0)
    for (const [neighbour, asked] of this.neighbours) {
      const asking = neighbour.neighbours.get(this)?.keys() ?? []
      for (const transfer of [...asked.keys(), ...asking]) this.#torrent.network.stop(transfer)
    }
  }

  /** The neighbour is found to be gone: what it was asked for is asked for elsewhere. */
  leave(gone: SwarmPeer): void {
    for (const piece of this.neighbours.get(gone)?.values() ?? []) this.#isAsked[piece] = 0
    this.neighbours.delete(gone)
    if (!this.#isActive) return
    for (const neighbour of this.neighbours.keys()) this.#ask(neighbour)
  }

  #heard(from: SwarmPeer, piece: number): void {
    this.#holders[piece] = (this.#holders[piece] ?? 0) + 1
    if (this.#isActive) this.#ask(from)
  }

  #ask(neighbour: SwarmPeer): void {
    const asked = this.neighbours.get(neighbour)
    if (asked === undefined) return
    while (asked.size < PIPELINE) {
      const piece = this.#rarestAt(neighbour)
      if (piece === undefined) return
      const bytes = this.#torrent.pieces[piece] ?? 0
      this.#isAsked[piece] = 1
      const transfer = this.#torrent.network.start([neighbour.node.up, this.node.down], bytes, () => {
        asked.delete(transfer)
        neighbour.node.uploadedBytes += bytes
        this.receive(piece)
        this.#ask(neighbour)
      })
      asked.set(transfer, piece)
    }
  }

  #rarestAt(neighbour: SwarmPeer): number | undefined {
    const theirs = neighbour.#has
    const count = theirs.length
    const first = Math.floor(this.#torrent.random() * count)
    let best: number | undefined
    let fewest = Number.POSITIVE_INFINITY
    for (let step = 0; step < count; step += 1) {
      const piece = (first + step) % count
      const holders = this.#holders[piece] ?? 0
      if (theirs[piece] === 0 || this.#isAsked[piece] === 1 || holders >= fewest) continue
      best = piece
      fewest = holders
    }
    return best
  }
}
