import { createNodePeerClient, type PeerClientOptions } from './node-peer-client.ts'
import type { PeerClient } from './peer-client.ts'
import { createPooledPeerClient, type PooledPeerClientComponents } from './pooled-peer-client.ts'

/**
 * Makes the peer client of a node: content, which is asked for by GET, comes through the pool; everything else is small,
 * and node:http's client sends it.
 */
export function createPeerClient(components: PooledPeerClientComponents, options: PeerClientOptions = {}): PeerClient {
  const pooled = createPooledPeerClient(components, options)
  const node = createNodePeerClient(components, options)
  return {
    request: (request, requestOptions) => (request.method === 'GET' ? pooled : node).request(request, requestOptions),
    async close() {
      await Promise.all([pooled.close(), node.close()])
    },
  }
}
