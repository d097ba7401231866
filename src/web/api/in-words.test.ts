import assert from 'node:assert/strict'
import { test } from 'node:test'
import { nodeInWords } from './in-words.ts'

const day = (peer: number, store: number) => ({
  slotMs: 1,
  times: [0],
  values: { store: [store], peer: [peer], in_progress: [0], upload: [0], hits: [0], misses: [0] },
})

for (const [node, history, words] of [
  [{ ready: true, peers: 7, twins: [] }, day(94, 6), 'Serving. 7 peers. 94 % of bytes from peers today.'],
  [{ ready: true, peers: 1, twins: [] }, day(0, 0), 'Serving. 1 peer.'],
  [{ ready: false, peers: 0, twins: [] }, undefined, 'Not ready. No peers.'],
  [
    { ready: true, peers: 2, twins: ['10.0.0.9'] },
    undefined,
    'Serving. 2 peers. Another node has the same identity: 10.0.0.9.',
  ],
] as const) {
  test(`a node is said to be like this: ${words}`, () => {
    assert.equal(nodeInWords(node, history), words)
  })
}
