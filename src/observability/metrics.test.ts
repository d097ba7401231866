import assert from 'node:assert/strict'
import test from 'node:test'
import { createMetrics, type Metrics, MISS_REASONS, PEER_FAILURES } from './metrics.ts'

const SECONDS = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10]
const BYTES = [1024, 5120, 25_600, 128_000, 640_000, 3_200_000, 16_000_000, 80_000_000, 400_000_000, 2_000_000_000]

/** Name → type, labels and buckets: what dashboards and alerts rely on. The first nine are Go Spegel's. */
const CONTRACT = {
  spegel_mirror_requests_total: { type: 'counter', labels: ['cache', 'registry'] },
  spegel_mirror_last_success_timestamp_seconds: { type: 'gauge', labels: [] },
  spegel_resolve_duration_seconds: { type: 'histogram', labels: ['router'], buckets: SECONDS },
  spegel_advertised_image_tags: { type: 'gauge', labels: ['registry'] },
  spegel_advertised_image_digests: { type: 'gauge', labels: ['registry'] },
  spegel_advertised_content_digests: { type: 'gauge', labels: ['registry'] },
  http_request_duration_seconds: { type: 'histogram', labels: ['code', 'handler', 'method'], buckets: SECONDS },
  http_response_size_bytes: { type: 'histogram', labels: ['code', 'handler', 'method'], buckets: BYTES },
  http_requests_inflight: { type: 'gauge', labels: ['handler'] },
  spegel_served_bytes_total: { type: 'counter', labels: ['source'] },
  spegel_upload_bytes_total: { type: 'counter', labels: [] },
  spegel_mirror_miss_total: { type: 'counter', labels: ['reason'] },
  spegel_coalesce_total: { type: 'counter', labels: ['outcome'] },
  spegel_corrupt_content_total: { type: 'counter', labels: [] },
  spegel_event_loop_block_seconds: {
    type: 'histogram',
    labels: [],
    buckets: [0.001, 0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 1],
  },
  spegel_peer_failures_total: { type: 'counter', labels: ['reason'] },
  spegel_peers: { type: 'gauge', labels: [] },
  spegel_provider_records: { type: 'gauge', labels: [] },
}

/** Gives every metric a value, so that its labels show. */
function touchAll(metrics: Metrics): void {
  metrics.mirrorRequests.inc({ registry: 'docker.io', cache: 'hit' })
  metrics.mirrorLastSuccess.setToCurrentTime()
  metrics.resolveDuration.observe({ router: 'libp2p' }, 0.002)
  metrics.advertisedImageTags.set({ registry: 'docker.io' }, 1)
  metrics.advertisedImageDigests.set({ registry: 'docker.io' }, 1)
  metrics.advertisedContentDigests.set({ registry: 'docker.io' }, 1)
  metrics.httpRequestDuration.observe({ handler: 'blob', method: 'GET', code: '200' }, 0.1)
  metrics.httpResponseSize.observe({ handler: 'blob', method: 'GET', code: '200' }, 4096)
  metrics.httpRequestsInflight.inc({ handler: 'blob' })
  metrics.traffic.served('store', 4096)
  metrics.traffic.uploaded(4096)
  for (const reason of MISS_REASONS) metrics.traffic.missed(reason)
  metrics.coalesce.inc({ outcome: 'followed' })
  metrics.corruptContent.inc()
  for (const reason of PEER_FAILURES) metrics.peerFailures.inc({ reason })
  metrics.peers.set(2)
  metrics.providerRecords.set(3)
}

/** The exposition as name → type, label names and buckets. */
function describeExposition(text: string): Record<string, unknown> {
  const types = [...text.matchAll(/^# TYPE (\S+) (\S+)$/gm)].map(([, name = '', type = '']) => [name, type] as const)
  const described = types.map(([name, type]) => {
    const series = new RegExp(`^${name}(?:_bucket|_sum|_count)?(?:\\{(.*)\\})? \\S+$`, 'gm')
    const labels = new Set<string>()
    const buckets: number[] = []
    for (const [, inner = ''] of text.matchAll(series)) {
      for (const [, label = '', value = ''] of inner.matchAll(/(\w+)="([^"]*)"/g)) {
        if (label !== 'le') labels.add(label)
        else if (value !== '+Inf') buckets.push(Number(value))
      }
    }
    const shape = { type, labels: [...labels].toSorted() }
    return [name, type === 'histogram' ? { ...shape, buckets } : shape]
  })
  return Object.fromEntries(described)
}

test('names, types, labels and buckets are those of the contract', async () => {
  const metrics = createMetrics()
  touchAll(metrics)
  const { contentType, text } = await metrics.render()
  assert.match(contentType, /^text\/plain; version=0\.0\.4/)
  const ours = Object.entries(describeExposition(text)).filter(([name]) => /^(spegel|http)_/.test(name))
  assert.deepEqual(Object.fromEntries(ours), CONTRACT)
})

test('process metrics of Prometheus client libraries are there', async () => {
  const { text } = await createMetrics().render()
  for (const name of ['process_cpu_seconds_total', 'process_resident_memory_bytes', 'process_open_fds']) {
    assert.match(text, new RegExp(`^${name} [0-9.e+]+$`, 'm'))
  }
})

test('two nodes in one process count for themselves', async () => {
  const [first, second] = [createMetrics(), createMetrics()]
  first.traffic.uploaded(7)
  first.registries.label('docker.io')
  assert.match((await first.render()).text, /^spegel_upload_bytes_total 7$/m)
  assert.match((await second.render()).text, /^spegel_upload_bytes_total 0$/m)
  assert.notEqual(first.registries, second.registries)
})

test('a hostile registry name cannot break out of its label', async () => {
  const metrics = createMetrics()
  metrics.mirrorRequests.inc({ registry: 'x"} 1\nspegel_peers 9 \\', cache: 'miss' })
  const { text } = await metrics.render()
  assert.match(text, /^spegel_mirror_requests_total\{registry="x\\"\} 1\\nspegel_peers 9 \\\\",cache="miss"\} 1$/m)
  assert.match(text, /^spegel_peers 0$/m)
})
