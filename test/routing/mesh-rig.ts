import { Admission } from '../../src/routing/libp2p/admission.ts'
import { Background } from '../../src/routing/libp2p/background.ts'
import { Connections } from '../../src/routing/libp2p/connections.ts'
import { Dialer } from '../../src/routing/libp2p/dialer.ts'
import { type Member, MemberTable } from '../../src/routing/libp2p/members.ts'
import { createNode, type MeshNode, startNode } from '../../src/routing/libp2p/node.ts'
import { OwnPeer } from '../../src/routing/libp2p/own-peer.ts'
import { createHello } from '../../src/routing/libp2p/records-exchange.ts'
import { ManualTime } from '../fakes/manual-time.ts'
import { MemoryLog } from '../fakes/memory-log.ts'
import { type Script, ScriptedKadPeer } from './scripted-kad-peer.ts'

export const REGISTRY_PORT = 5000

/** A real node with what the parts of a router share, on a clock that the test moves. */
export interface MeshRig extends AsyncDisposable {
  readonly log: MemoryLog
  readonly clock: ManualTime
  readonly node: MeshNode
  readonly own: OwnPeer
  readonly members: MemberTable
  readonly dialer: Dialer
  readonly connections: Connections
  readonly admission: Admission
  readonly background: Background
  /** Starts a scripted peer that is not a member; it ends with the rig. */
  peer(host: string, script?: Script): Promise<ScriptedKadPeer>
  /** Makes `peer` a member. */
  join(peer: ScriptedKadPeer): Promise<Member>
}

/** @param options `host`: default 127.0.0.1; `maxConnections`: default as in production */
export async function startRig(
  options: { readonly host?: string; readonly maxConnections?: number } = {},
): Promise<MeshRig> {
  const { host = '127.0.0.1', ...limits } = options
  const listen = { host, port: 0 }
  const log = new MemoryLog()
  const clock = new ManualTime()
  const node = await createNode({ listen })
  const own = new OwnPeer({ node, clock })
  const members = new MemberTable()
  const dialer = new Dialer({ node, own })
  const background = new Background(log)
  const connections = new Connections({ clock, node, own, dialer, background }, limits)
  const components = { log, clock, node, own, members, dialer, connections, background }
  const admission = new Admission(components, { hello: createHello(REGISTRY_PORT) })
  await startNode(node, listen)
  const stack = new AsyncDisposableStack()
  stack.defer(() => node.stop())
  stack.defer(() => {
    for (const connection of node.getConnections()) connection.abort(new Error('the test is over'))
  })
  stack.use(background)
  return {
    ...components,
    admission,
    async peer(peerHost, script) {
      const options = { host: peerHost, ...(script === undefined ? {} : { script }) }
      return stack.use(await ScriptedKadPeer.start(options))
    },
    async join(peer) {
      const member = await admission.join({ id: peer.id, endpoints: [peer.endpoint] })
      if (member === 'self') throw new Error('dialled itself')
      return member
    },
    [Symbol.asyncDispose]: () => stack.disposeAsync(),
  }
}
