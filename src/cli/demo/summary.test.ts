import assert from 'node:assert/strict'
import { PassThrough } from 'node:stream'
import { test } from 'node:test'
import type { DemoResult } from './result.ts'
import { renderMetricsUrls, renderSummary } from './summary.ts'

const RESULT: DemoResult = {
  ok: true,
  nodes: 3,
  image: 'registry.example/demo/hello:1.0',
  bytes: 60_000_000,
  pulls: [
    { node: '127.0.0.1:5000', seconds: 3, bytes: 60_000_000, from: { upstream: 60_000_000 } },
    { node: '127.0.0.2:5000', seconds: 1, bytes: 60_000_000, from: { '127.0.0.1:5000': 60_000_000 } },
    { node: '127.0.0.3:5000', seconds: 2, bytes: 60_000_000, from: { '127.0.0.1:5000': 60_000_000 } },
  ],
  upstream: { manifestRequests: 2, blobRequests: 4, blobBytes: 59_000_000 },
}

test('the summary says what upstream was spared and how fast pulls were', () => {
  assert.equal(
    renderSummary(RESULT, new PassThrough()),
    `
✓ 3 nodes have the whole image, every digest verified.

  upstream    59.0 MB in 6 requests; 3 direct pulls would be 180.0 MB
  cold pull   3.00 s, 20.0 MB/s
  warm pulls  1.50 s on average, 40.0 MB/s from other nodes, upstream switched off
`,
  )
})

test('the summary says what a burst took from upstream, and how long against one pull', () => {
  const burst = {
    nodes: 3,
    bytes: 25_000_000,
    upstream: { blobRequests: 4, blobBytes: 24_900_000 },
    seconds: [2.5, 2.75, 2.6],
    directSeconds: 2.4,
  }
  const summary = renderSummary({ ...RESULT, burst }, new PassThrough())
  assert.ok(
    summary.endsWith(`
  burst       3 nodes pull 25.0 MB at once: 24.9 MB from upstream in 4 requests
              the last after 2.75 s; one direct pull takes 2.40 s
`),
  )
})

test('a failure is not dressed up', () => {
  const summary = renderSummary({ ...RESULT, ok: false }, new PassThrough())
  assert.match(summary, /^\n✗ Not every node has the whole image\.\n/)
})

test('the dashboard and metrics are where the nodes say', () => {
  assert.equal(
    renderMetricsUrls([{ metricsUrl: 'http://127.0.0.1:9090/metrics' }]),
    '\nThe nodes stay up; Ctrl-C stops them.\n  http://127.0.0.1:9090/debug/web/  (metrics: http://127.0.0.1:9090/metrics)\n',
  )
})
