import type { Connection } from '@libp2p/interface'
import type { Log } from '../../observability/log.ts'
import type { Clock } from '../clock.ts'
import type { Endpoint } from '../router.ts'
import type { Background } from './background.ts'
import type { Connections } from './connections.ts'
import { DialBackoff } from './dial-backoff.ts'
import type { Candidate, Dialer } from './dialer.ts'
import { PeerUnreachableError } from './errors.ts'
import { type Identified, Introduction } from './introduction.ts'
import type { KadPeer } from './kad-message.ts'
import { MAX_MEMBERS, type Member, type MemberTable } from './members.ts'
import type { MeshNode } from './node.ts'
import type { OwnPeer } from './own-peer.ts'
import { peerIdText } from './peer-id.ts'
import type { Hello } from './records-message.ts'
import { decodeEndpoint, endpointOf, formatEndpoint, isSameEndpoint } from './router-address.ts'

/** Candidates dialled, or waiting to be. */
const MAX_ADMISSIONS = 256
/** Addresses where this node's own id was said to be that are remembered as tried. */
const MAX_TRIED = 64

export interface AdmissionComponents {
  readonly log: Log
  readonly clock: Clock
  readonly node: MeshNode
  readonly own: OwnPeer
  readonly members: MemberTable
  readonly dialer: Dialer
  readonly connections: Connections
  readonly background: Background
}

/**
 * Decides who becomes a member: whoever serves kad and has an IP address that is proven. A dial proves the address that
 * was dialled, and an inbound connection the one that it comes from if the peer says that it listens there. The registry
 * at that address is sent credentials: what peers merely say proves nothing.
 */
export class Admission {
  readonly #components: AdmissionComponents
  readonly #introduction: Introduction
  readonly #backoff: DialBackoff
  readonly #admissions = new Map<string, Promise<Member | undefined>>()
  readonly #tried = new Set<string>()

  /** @param options `hello`: what members are told of this node; its registry port is that of peers that tell none */
  constructor(components: AdmissionComponents, options: { readonly hello: Hello }) {
    this.#components = components
    this.#introduction = new Introduction(components, options)
    this.#backoff = new DialBackoff(components.clock)
  }

  /** Starts to admit those who connect to this node. */
  start(): void {
    const { node, background } = this.#components
    node.addEventListener('connection:open', ({ detail: connection }) => {
      if (connection.direction !== 'inbound') return
      background.run('admit inbound peer', () => this.#accept(connection))
    })
  }

  /**
   * The member that a kad message names; it becomes one if it answers where the message says.
   * @param options `patient`: whether nobody waits for it, so that others may be dialled first; default: false
   * @returns undefined where it does not, or lately did not, and for this node itself.
   */
  async admit(peer: KadPeer, options: { readonly patient?: boolean } = {}): Promise<Member | undefined> {
    const id = peerIdText(peer.id)
    if (id === undefined) return undefined
    const endpoints = peer.addresses.map(decodeEndpoint).filter(endpoint => endpoint !== undefined)
    if (id === this.#components.own.id) return this.#seekTwin(endpoints)
    return this.#admit({ id, endpoints }, options.patient !== true)
  }

  /** Whether {@link admit} would dial `peer`. */
  isNews(peer: KadPeer): boolean {
    const { members, own } = this.#components
    const id = peerIdText(peer.id)
    if (id === undefined || members.get(id) !== undefined) return false
    if (id === own.id) return peer.addresses.map(decodeEndpoint).some(endpoint => this.#isStrange(endpoint))
    return !this.#admissions.has(id) && !this.#backoff.blocks(id)
  }

  /**
   * Dials who was named by configuration or was a member before, without regard to earlier failures.
   * @throws {PeerUnreachableError}
   */
  async join(candidate: Candidate): Promise<Member | 'self'> {
    const { background, members, own } = this.#components
    if (candidate.id === own.id) background.run('seek twin', () => this.#seekTwin(candidate.endpoints))
    const known = members.list().find(member => isMember(member, candidate))
    return known ?? this.#dial(candidate, false)
  }

  async #accept(connection: Connection): Promise<void> {
    const { members, log } = this.#components
    const id = connection.remotePeer.toString()
    const source = endpointOf(connection.remoteAddr)?.host
    const known = members.get(id)
    if (known !== undefined && known.router.host === source) return
    try {
      const identified = await this.#introduction.identify(connection)
      const { endpoints } = identified
      const moved = members.get(id)
      if (moved !== undefined) {
        if (endpoints.some(endpoint => isSameEndpoint(endpoint, moved.router))) return
        members.remove(moved)
      }
      this.#backoff.clear(id)
      const proven = endpoints.find(({ host }) => host === source)
      if (proven === undefined) await this.#admit({ id, endpoints }, false)
      else if (members.size < MAX_MEMBERS) await this.#welcome(connection, proven, identified)
    } catch (error) {
      log.debug('inbound peer is not admitted', { peer: id, error })
    }
  }

  async #admit(candidate: Candidate & { readonly id: string }, urgent: boolean): Promise<Member | undefined> {
    const { members, log } = this.#components
    const { id, endpoints } = candidate
    const known = members.get(id) ?? this.#admissions.get(id)
    if (known !== undefined) return known
    if (endpoints.length === 0 || this.#backoff.blocks(id)) return undefined
    if (this.#admissions.size >= MAX_ADMISSIONS || members.size >= MAX_MEMBERS) return undefined
    const admission = this.#dial(candidate, urgent)
      .then(member => (member === 'self' ? undefined : member))
      .catch((error: unknown) => {
        this.#backoff.failed(id)
        log.debug('peer cannot be reached', { peer: id, error })
        return undefined
      })
      .finally(() => this.#admissions.delete(id))
    this.#admissions.set(id, admission)
    return admission
  }

  /**
   * Dials where this node is said to be and is not. Should a node with the same id answer there, the handshake tells both;
   * any other is as welcome as if it had been named itself.
   */
  async #seekTwin(endpoints: readonly Endpoint[]): Promise<undefined> {
    for (const endpoint of endpoints.filter(each => this.#isStrange(each))) {
      this.#tried.add(formatEndpoint(endpoint))
      try {
        await this.join({ id: undefined, endpoints: [endpoint] })
      } catch (error) {
        this.#components.log.debug('nobody where this node was said to be', { host: endpoint.host, error })
      }
    }
  }

  #isStrange(endpoint: Endpoint | undefined): boolean {
    if (endpoint === undefined || this.#components.own.listensAt(endpoint)) return false
    return this.#tried.size < MAX_TRIED && !this.#tried.has(formatEndpoint(endpoint))
  }

  async #dial(candidate: Candidate, urgent: boolean): Promise<Member | 'self'> {
    const { background, connections, dialer, members } = this.#components
    const dialled = await dialer.dial(candidate, { signal: background.signal, urgent })
    if (dialled.kind === 'self') return 'self'
    const { connection, endpoint } = dialled
    const id = connection.remotePeer.toString()
    try {
      return await this.#welcome(connection, endpoint, await this.#introduction.identify(connection))
    } catch (error) {
      const known = members.get(id)
      if (known !== undefined) return known
      connections.drop(id, 'not admitted')
      throw new PeerUnreachableError(id, { cause: error })
    }
  }

  async #welcome(connection: Connection, endpoint: Endpoint, identified: Identified): Promise<Member> {
    const { connections, log, members } = this.#components
    const member = await this.#introduction.meet(connection, endpoint, identified)
    const { id } = member.peer
    const known = members.get(id)
    if (known !== undefined) {
      member.records?.close()
      connections.settleDial(connection)
      return known
    }
    if (!connections.isConnected(id)) throw new PeerUnreachableError(id)
    this.#backoff.clear(id)
    members.add(member)
    log.info('member joined', { peer: id, host: endpoint.host, members: members.size })
    return member
  }
}

function isMember(member: Member, { id, endpoints }: Candidate): boolean {
  if (id !== undefined) return id === member.peer.id
  return endpoints.some(endpoint => isSameEndpoint(endpoint, member.router))
}
