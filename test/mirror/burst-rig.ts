import type { ClaimRequest, Verdict } from '../../src/coalesce/claimant.ts'
import { COALESCE_OUTCOMES } from '../../src/observability/metrics.ts'
import { content, digest, limits, target } from './blob-rig.ts'
import { type NodeSettings, startNode } from './node-under-test.ts'
import { rawExchange } from './raw-exchange.ts'
import { type Script, ScriptedPeer } from './scripted-peer.ts'

export const UPSTREAM: Verdict = { kind: 'upstream', coordinated: true }

/**
 * A node whose own containerd is pulling the blob, that nobody advertises, and that is sent to `scripts` one after the
 * other, then upstream.
 */
export async function inBurst(scripts: readonly Script[], settings: NodeSettings = {}) {
  const stack = new AsyncDisposableStack()
  const parents: ScriptedPeer[] = []
  for (const [index, script] of scripts.entries()) {
    parents.push(stack.use(await ScriptedPeer.start(script, `parent${index}`)))
  }
  const claims: ClaimRequest[] = []
  const claim = async (request: ClaimRequest): Promise<Verdict> => {
    const parent = parents[claims.length]
    claims.push(request)
    return parent === undefined ? UPSTREAM : { kind: 'follow', parents: [parent], depth: 1 }
  }
  const node = stack.use(await startNode({ limits, claim, ...settings }))
  node.store.begin(digest, content.length)
  return {
    parents,
    claims,
    node,
    get: (headers: Readonly<Record<string, string>> = {}) => rawExchange(node.address, { target, headers }),
    outcomes: async () => {
      const counts: Record<string, number> = {}
      for (const outcome of COALESCE_OUTCOMES) {
        const count = await node.metric(`spegel_coalesce_total{outcome="${outcome}"}`)
        if (count > 0) counts[outcome] = count
      }
      return counts
    },
    [Symbol.asyncDispose]: () => stack.disposeAsync(),
  }
}
