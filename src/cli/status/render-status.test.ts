import assert from 'node:assert/strict'
import { test } from 'node:test'
import { renderStatus } from './render-status.ts'

const values = { store: [1], peer: [3], in_progress: [0], upload: [0], hits: [1], misses: [2] }
const request = {
  id: 1,
  time: 0,
  name: 'registry.example/app:1',
  kind: 'blob',
  method: 'GET',
  from: 'local',
  client: '10.0.0.1',
  outcome: 'served',
  ms: 12,
  bytes: { peer: 3_000_000 },
  attempts: [],
} as const

const status = {
  node: {
    version: '1.2.3',
    peerId: 'me',
    startedAt: 0,
    time: 0,
    ready: true,
    registry: '10.0.0.1:5000',
    router: [],
    peers: 2,
    twins: [],
    images: 4,
    totals: { store: 1000, peer: 2_000_000, in_progress: 0, upload: 5, hits: 1, misses: 2 },
  },
  members: [
    {
      id: 'a',
      address: '10.0.0.2:5000',
      latencyMs: 1.25,
      bytesPerSecond: 9e6,
      inFlight: 0,
      failures: 0,
      receivedBytes: 7,
      sentBytes: 8,
    },
    {
      id: 'b',
      address: '10.0.0.10:5000',
      inFlight: 0,
      failures: 3,
      quarantine: { reason: 'timeout', remainingMs: 4000 },
      receivedBytes: 0,
      sentBytes: 0,
    },
  ],
  total: 5,
  running: [],
  recent: [request, { ...request, outcome: 'miss', reason: 'not_found', name: 'a\u001B[2Jb', bytes: {} }],
  day: { slotMs: 1, times: [0], values },
} as const

test('the cluster is printed as tables, and what others named can’t control the terminal', () => {
  assert.equal(
    renderStatus(status),
    `Serving. 2 peers. 75 % of bytes from peers today.
Spegel 1.2.3, registry 10.0.0.1:5000, 4 images
Served from peers 2.0 MB, from here 1.0 kB; sent to peers 5 B; misses 2

PEER            LATENCY  RATE      RECEIVED  SENT  STATE
10.0.0.2:5000   1.3 ms   9.0 MB/s  7 B       8 B   well
10.0.0.10:5000  -        -         0 B       0 B   not asked for 4 s: timeout

and 3 more

OUTCOME          BYTES   TIME   FROM   REQUEST
served           3.0 MB  12 ms  local  registry.example/app:1
miss: not_found  0 B     12 ms  local  a�[2Jb
`,
  )
})
