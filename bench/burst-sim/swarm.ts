import type { Digest } from '../../src/oci/digest.ts'
import { type Conditions, IMAGE, type ImageBlob, MB } from './conditions.ts'
import type { EventClock } from './event-clock.ts'
import { Link, type Network } from './network.ts'
import { pullImage } from './pull.ts'
import { type SwarmNode, SwarmPeer, type Torrent } from './swarm-peer.ts'

/** Kraken's defaults: pieces of 4 MB, 10 connections a torrent. */
const PIECE_BYTES = 4 * MB
const CONNECTIONS = 10
/** How often a node looks for another one with a free connection. */
const TRIES = 50
/** Its piece requests time out after 4 s, and 4 s more for each MB beyond the first. */
const PIECE_TIMEOUT_MS = 16_000
/** Announcing oneself at the tracker, connecting and shaking hands: there and back, three times. */
const ROUND_TRIPS = 3

export interface SwarmParts {
  readonly clock: EventClock
  readonly network: Network
  readonly random: () => number
}

/**
 * Chunk swarming as Kraken documents it: a seeder (its origin) fetches each blob from upstream once, and offers it when
 * it is complete, because only then it can tell the hashes of the pieces; nodes form a random graph and swap pieces,
 * rarest first.
 * @see https://github.com/uber/kraken
 */
export class SwarmPulls {
  readonly #parts: SwarmParts
  readonly #conditions: Conditions
  readonly #upstream: Link
  readonly #seeder: SwarmNode
  readonly nodes: readonly SwarmNode[]
  readonly #peers = new Map<Digest, ReadonlyMap<SwarmNode, SwarmPeer>>()
  readonly #dead = new Set<SwarmNode>()
  readonly #seeded = new Set<Digest>()

  constructor(parts: SwarmParts, conditions: Conditions) {
    this.#parts = parts
    this.#conditions = conditions
    this.#upstream = new Link(conditions.upstreamRate)
    this.#seeder = this.#node()
    this.nodes = Array.from({ length: conditions.nodes }, () => this.#node())
    for (const blob of IMAGE) this.#peers.set(blob.digest, this.#graph(blob))
  }

  async pull(node: SwarmNode): Promise<void> {
    const { clock } = this.#parts
    await pullImage(async blob => {
      this.#seed(blob)
      await clock.sleep(2 * ROUND_TRIPS * this.#conditions.latencyMs)
      if (this.#dead.has(node)) return await clock.promise<void>().promise
      const { promise, resolve } = clock.promise<void>()
      this.#peers.get(blob.digest)?.get(node)?.start(resolve)
      await promise
    })
  }

  /** @param isReset whether its neighbours notice at once */
  die(node: SwarmNode, isReset: boolean): void {
    this.#dead.add(node)
    for (const peers of this.#peers.values()) {
      const peer = peers.get(node)
      if (peer === undefined) continue
      const neighbours = [...peer.neighbours.keys()]
      peer.freeze()
      const leave = (): void => {
        for (const neighbour of neighbours) neighbour.leave(peer)
      }
      if (isReset) leave()
      else this.#parts.clock.after(PIECE_TIMEOUT_MS, leave)
    }
  }

  #node(): SwarmNode {
    const { nodeRate } = this.#conditions
    return { up: new Link(nodeRate), down: new Link(nodeRate), uploadedBytes: 0 }
  }

  /** Has the seeder fetch the blob, unless it does already. */
  #seed({ digest, size }: ImageBlob): void {
    if (this.#seeded.has(digest)) return
    this.#seeded.add(digest)
    const { clock, network } = this.#parts
    const seeder = this.#peers.get(digest)?.get(this.#seeder)
    clock.after(this.#conditions.upstreamLatencyMs, () => {
      network.start([this.#upstream, this.#seeder.down], size, () => {
        for (let piece = 0; piece * PIECE_BYTES < size; piece += 1) seeder?.receive(piece)
      })
    })
  }

  /** Connects everybody at random, the seeder first. */
  #graph({ size }: ImageBlob): ReadonlyMap<SwarmNode, SwarmPeer> {
    const { network, random } = this.#parts
    const count = Math.ceil(size / PIECE_BYTES)
    const pieces = Array.from({ length: count }, (_, index) => Math.min(PIECE_BYTES, size - index * PIECE_BYTES))
    const torrent: Torrent = { network, random, pieces }
    const peers = [this.#seeder, ...this.nodes].map(node => new SwarmPeer(torrent, node))
    for (const peer of peers) {
      for (let tries = 0; tries < TRIES && peer.neighbours.size < CONNECTIONS; tries += 1) {
        const other = peers[Math.floor(random() * peers.length)]
        const isFree = other !== undefined && other !== peer && other.neighbours.size < CONNECTIONS
        if (isFree && !peer.neighbours.has(other)) peer.connect(other)
      }
    }
    return new Map(peers.map(peer => [peer.node, peer]))
  }
}
