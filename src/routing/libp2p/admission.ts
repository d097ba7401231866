import type { IdentifyResult, Libp2p } from '@libp2p/interface'
import type { Log } from '../../observability/log.ts'
import type { Clock } from '../clock.ts'
import type { Endpoint } from '../router.ts'
import type { Background } from './background.ts'
import { DialBackoff } from './dial-backoff.ts'
import type { Candidate, Dialer, Dialled } from './dialer.ts'
import { PeerUnreachableError } from './errors.ts'
import type { KadPeer } from './kad-message.ts'
import { KadStream } from './kad-stream.ts'
import { MAX_MEMBERS, type Member, type MemberTable } from './members.ts'
import { KAD_PROTOCOL } from './node.ts'
import type { OwnPeer } from './own-peer.ts'
import { peerIdText } from './peer-id.ts'
import { positionOf } from './record-key.ts'
import { decodeEndpoint, endpointOf, multiaddrOf } from './router-address.ts'

/** Candidates dialled, or waiting to be. */
const MAX_ADMISSIONS = 256

export interface AdmissionComponents {
  readonly log: Log
  readonly clock: Clock
  readonly node: Libp2p
  readonly own: OwnPeer
  readonly members: MemberTable
  readonly dialer: Dialer
  readonly background: Background
}

/**
 * Decides who becomes a member: whoever answers, with its own peer id, where it is said to listen. Only the address
 * that was dialled counts. What connects to this node may have any source address, and the registry at a member's
 * address is sent credentials.
 */
export class Admission {
  readonly #components: AdmissionComponents
  readonly #registryPort: number
  readonly #backoff: DialBackoff
  readonly #admissions = new Map<string, Promise<Member | undefined>>()

  /** @param options `registryPort`: where the registry of every peer listens */
  constructor(components: AdmissionComponents, options: { readonly registryPort: number }) {
    this.#components = components
    this.#registryPort = options.registryPort
    this.#backoff = new DialBackoff(components.clock)
  }

  /** Starts to admit those who connect to this node. */
  start(): void {
    const { node, background } = this.#components
    node.addEventListener('peer:identify', ({ detail }) => {
      background.run('admit inbound peer', () => this.#identified(detail))
    })
  }

  /**
   * The member that a kad message names; it becomes one if it answers where the message says.
   * @returns undefined where it does not, or lately did not, and for this node itself.
   */
  async admit(peer: KadPeer): Promise<Member | undefined> {
    const id = peerIdText(peer.id)
    if (id === undefined) return undefined
    return this.#admit(
      id,
      peer.addresses.map(decodeEndpoint).filter(endpoint => endpoint !== undefined),
    )
  }

  /**
   * Dials who was named by configuration or was a member before, without regard to earlier failures.
   * @throws {PeerUnreachableError}
   */
  async join(candidate: Candidate): Promise<Member | 'self'> {
    const { members, dialer, background } = this.#components
    const known = members.list().find(member => isMember(member, candidate))
    if (known !== undefined) return known
    const dialled = await dialer.dial(candidate, { signal: background.signal })
    return dialled.kind === 'self' ? 'self' : this.#welcome(dialled)
  }

  async #identified({ connection, protocols, listenAddrs }: IdentifyResult): Promise<void> {
    if (connection.direction !== 'inbound' || !protocols.includes(KAD_PROTOCOL)) return
    const id = connection.remotePeer.toString()
    const source = endpointOf(connection.remoteAddr)?.host
    const endpoints = listenAddrs.map(endpointOf).filter(endpoint => endpoint !== undefined)
    this.#backoff.clear(id)
    await this.#admit(
      id,
      endpoints.toSorted((a, b) => Number(b.host === source) - Number(a.host === source)),
    )
  }

  async #admit(id: string, endpoints: readonly Endpoint[]): Promise<Member | undefined> {
    const { members, own } = this.#components
    const known = members.get(id) ?? this.#admissions.get(id)
    if (known !== undefined) return known
    if (id === own.id || endpoints.length === 0 || this.#backoff.blocks(id)) return undefined
    if (this.#admissions.size >= MAX_ADMISSIONS || members.size >= MAX_MEMBERS) return undefined
    const admission = this.#dial(id, endpoints).finally(() => this.#admissions.delete(id))
    this.#admissions.set(id, admission)
    return admission
  }

  async #dial(id: string, endpoints: readonly Endpoint[]): Promise<Member | undefined> {
    const { dialer, background, log } = this.#components
    try {
      const dialled = await dialer.dial({ id, endpoints }, { signal: background.signal })
      return dialled.kind === 'self' ? undefined : this.#welcome(dialled)
    } catch (error) {
      this.#backoff.failed(id)
      log.debug('peer cannot be reached', { peer: id, error })
      return undefined
    }
  }

  #welcome({ connection, endpoint }: Dialled & { readonly kind: 'peer' }): Member {
    const { members, log } = this.#components
    const id = connection.remotePeer.toString()
    const known = members.get(id)
    if (known !== undefined) {
      connection.abort(new Error('there is a connection already'))
      return known
    }
    if (connection.status !== 'open') throw new PeerUnreachableError(id)
    const idBytes = connection.remotePeer.toMultihash().bytes
    const member: Member = {
      peer: { id, registry: { host: endpoint.host, port: this.#registryPort } },
      router: endpoint,
      position: positionOf(idBytes),
      kadPeer: { id: idBytes, addresses: [multiaddrOf(endpoint).bytes] },
      stream: new KadStream(options => connection.newStream(KAD_PROTOCOL, options), id),
      connection,
    }
    this.#backoff.clear(id)
    members.add(member)
    log.info('member joined', { peer: id, host: endpoint.host, members: members.size })
    return member
  }
}

function isMember(member: Member, candidate: Candidate): boolean {
  if (candidate.id !== undefined) return candidate.id === member.peer.id
  return candidate.endpoints.some(({ host, port }) => host === member.router.host && port === member.router.port)
}
