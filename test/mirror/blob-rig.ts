import { digestOf } from '../../src/oci/digest.ts'
import { type NodeSettings, startNode } from './node-under-test.ts'
import { type Script, ScriptedPeer, serving } from './scripted-peer.ts'

export const content = Buffer.from(Array.from({ length: 300_000 }, (_, index) => index % 251))
export const digest = digestOf(content)
export const target = `/v2/library/busybox/blobs/${digest}?ns=docker.io`

/** Waits that a test can wait for. */
export const limits = { headersTimeoutMs: 500, stall: { windowMs: 250, minBytes: 64 * 1024, takeoverMs: 250 } }

/** Starts peers with `scripts` and a node that finds them in that order. */
export async function setUp(scripts: readonly Script[], settings: NodeSettings = {}) {
  const stack = new AsyncDisposableStack()
  const peers: ScriptedPeer[] = []
  for (const [index, script] of scripts.entries()) {
    peers.push(stack.use(await ScriptedPeer.start(script, `peer${index}`)))
  }
  const node = stack.use(await startNode({ peers, limits, ...settings }))
  return { peers, node, [Symbol.asyncDispose]: () => stack.disposeAsync() }
}

/** Serves ranges well, and never answers a request for the whole: so another peer is always the first. */
export const rangesOnly: Script = (request, socket) => {
  if (request.headers['range'] !== undefined) serving(content)(request, socket)
}
