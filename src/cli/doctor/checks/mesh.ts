import type { NodeState } from '../../../web/api/state.ts'
import { type Finding, findingsOf } from '../finding.ts'

const daemon = findingsOf('daemon')
const mesh = findingsOf('peers')
const identity = findingsOf('identity')

export type DaemonView =
  | { readonly kind: 'absent'; readonly reason: string }
  /** Runs, but tells nothing of itself. */
  | { readonly kind: 'mute' }
  | { readonly kind: 'running'; readonly node: NodeState }

/** Whether the daemon runs and is ready. */
export function checkDaemon(view: DaemonView, metricsUrl: string): Finding {
  switch (view.kind) {
    case 'absent':
      return daemon.warning(
        `the daemon does not run here: ${view.reason}`,
        `start it, or give the address of a running one with --metrics-addr (asked: ${metricsUrl})`,
      )
    case 'mute':
      return daemon.warning(
        'the daemon runs, but its API is off: what it knows of its peers can’t be told',
        'start it with --debug-web-enabled=true',
      )
    case 'running':
      return view.node.ready
        ? daemon.ok(`Spegel ${view.node.version} runs and is ready, with ${view.node.images} images`)
        : daemon.failure('the daemon runs and is not ready', 'see the checks of peers and of containerd, and its log')
    default:
      return view satisfies never
  }
}

export interface BootstrapFacts {
  readonly node: NodeState
  /** Addresses that bootstrap names beside this node's own, and whether each accepts connections; or why it fails. */
  readonly bootstrap: ReadonlyMap<string, boolean> | { readonly trouble: string }
}

/** Whether the node has peers, and those that it is to join by can be reached. */
export function checkMesh({ node, bootstrap }: BootstrapFacts): readonly Finding[] {
  const findings: Finding[] = []
  if (node.peers > 0) findings.push(mesh.ok(`the node has ${node.peers === 1 ? '1 peer' : `${node.peers} peers`}`))
  if ('trouble' in bootstrap) {
    const status = node.peers > 0 ? mesh.warning : mesh.failure
    findings.push(status(`bootstrap fails: ${bootstrap.trouble}`, 'check the --bootstrap-kind flags'))
    return findings
  }
  const unreachable = [...bootstrap].filter(([, accepts]) => !accepts).map(([address]) => address)
  if (node.peers === 0) {
    findings.push(
      bootstrap.size === 0
        ? mesh.failure(
            'the node has no peers, and bootstrap names no other node',
            'check what bootstrap names: the DNS name, URL or list',
          )
        : mesh.failure(
            `the node has no peers, though bootstrap names ${bootstrap.size}`,
            'open the router port (--router-addr) between nodes, and use one mesh: the same release and secret',
          ),
    )
  }
  for (const address of unreachable) {
    findings.push(
      mesh.failure(`the peer at ${address} accepts no connection`, 'start Spegel there, or open the router port to it'),
    )
  }
  return findings
}

/** Whether this node’s identity is its own. */
export function checkIdentity({ twins, peerId }: NodeState): Finding {
  return twins.length === 0
    ? identity.ok(`no other node has the identity of this one, ${peerId}`)
    : identity.failure(
        `the node at ${twins.join(', ')} has the identity of this one`,
        'remove private.key from --data-dir on either, and start it again: the disk of one was copied',
      )
}
