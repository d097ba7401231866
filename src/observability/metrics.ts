import { Counter, collectDefaultMetrics, exponentialBuckets, Gauge, Histogram, Registry } from 'prom-client'
import { Activity } from './activity.ts'
import { EventLoopMonitor } from './event-loop-monitor.ts'
import { RegistryLabels } from './registry-labels.ts'
import { Traffic } from './traffic.ts'

/** How often the lag of the event loop is sampled. At the library's 10 ms, sampling is most of what an idle node does. */
const EVENT_LOOP_SAMPLING_MS = 100

/** Why a request was answered with a miss; a closed list, so that the label is bounded. */
export const MISS_REASONS = [
  'not_found',
  'filtered',
  'not_mirrored',
  'tags_disabled',
  'tag_upstream',
  'peers_failed',
  'not_ready',
  'body_broken',
  'corrupt',
  'busy',
] as const
export type MissReason = (typeof MISS_REASONS)[number]

/**
 * What became of a claim: the node fetches from upstream for all, follows another, was moved to another after the first
 * failed, could ask nobody, has asked often enough, or left parents that were slower than upstream; a closed list.
 */
export const COALESCE_OUTCOMES = ['granted', 'followed', 'moved', 'alone', 'given_up', 'outpaced'] as const
export type CoalesceOutcome = (typeof COALESCE_OUTCOMES)[number]

/** Why a request to a peer failed; a closed list. */
export const PEER_FAILURES = ['connect', 'timeout', 'status', 'mismatch', 'stall', 'reset', 'busy', 'corrupt'] as const
export type PeerFailure = (typeof PEER_FAILURES)[number]

/** The metrics of one process. Names, labels and buckets are Go Spegel's where both have them. */
export type Metrics = ReturnType<typeof createMetrics>

/** Makes the metrics in a registry of their own, so that several nodes can live in one process. */
export function createMetrics() {
  const registry = new Registry()
  const registers = [registry]
  collectDefaultMetrics({ register: registry, eventLoopMonitoringPrecision: EVENT_LOOP_SAMPLING_MS })
  const http = { labelNames: ['handler', 'method', 'code'] as const, registers }
  const eventLoopBlock = new Histogram({
    name: 'spegel_event_loop_block_seconds',
    help: 'How much later than due the event loop got to a sample, taken every 10 ms while requests are being answered.',
    buckets: [0.001, 0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 1],
    registers,
  })
  const activity = new Activity()
  const counted = {
    /** `source` is `store`, `peer` or `in_progress`. */
    servedBytes: new Counter({
      name: 'spegel_served_bytes_total',
      help: 'Bytes sent to local clients, by where they came from.',
      labelNames: ['source'] as const,
      registers,
    }),
    uploadBytes: new Counter({
      name: 'spegel_upload_bytes_total',
      help: 'Bytes sent to peers.',
      registers,
    }),
    misses: new Counter({
      name: 'spegel_mirror_miss_total',
      help: 'Requests answered with a miss, by reason.',
      labelNames: ['reason'] as const,
      registers,
    }),
  }
  return {
    eventLoop: new EventLoopMonitor({ observe: seconds => eventLoopBlock.observe(seconds) }),
    /** Label values for registry names. */
    registries: new RegistryLabels(),
    mirrorRequests: new Counter({
      name: 'spegel_mirror_requests_total',
      help: 'Total number of mirror requests.',
      labelNames: ['registry', 'cache'] as const,
      registers,
    }),
    mirrorLastSuccess: new Gauge({
      name: 'spegel_mirror_last_success_timestamp_seconds',
      help: 'The timestamp of the last successful mirror request.',
      registers,
    }),
    resolveDuration: new Histogram({
      name: 'spegel_resolve_duration_seconds',
      help: 'The duration for router to resolve a peer.',
      labelNames: ['router'] as const,
      registers,
    }),
    advertisedImageTags: new Gauge({
      name: 'spegel_advertised_image_tags',
      help: 'Number of image tags advertised to be available.',
      labelNames: ['registry'] as const,
      registers,
    }),
    advertisedImageDigests: new Gauge({
      name: 'spegel_advertised_image_digests',
      help: 'Number of image digests advertised to be available.',
      labelNames: ['registry'] as const,
      registers,
    }),
    advertisedContentDigests: new Gauge({
      name: 'spegel_advertised_content_digests',
      help: 'Number of content digests advertised to be available.',
      labelNames: ['registry'] as const,
      registers,
    }),
    httpRequestDuration: new Histogram({
      name: 'http_request_duration_seconds',
      help: 'The latency of the HTTP requests.',
      ...http,
    }),
    httpResponseSize: new Histogram({
      name: 'http_response_size_bytes',
      help: 'The size of the HTTP responses.',
      buckets: exponentialBuckets(1024, 5, 10),
      ...http,
    }),
    httpRequestsInflight: new Gauge({
      name: 'http_requests_inflight',
      help: 'The number of inflight requests being handled at the same time.',
      labelNames: ['handler'] as const,
      registers,
    }),
    /** Counts what is served, missed and sent to peers. */
    traffic: new Traffic({ activity, ...counted }),
    /** The requests for content, as they run and after. */
    activity,
    coalesce: new Counter({
      name: 'spegel_coalesce_total',
      help: 'Coalesced requests, by outcome.',
      labelNames: ['outcome'] as const,
      registers,
    }),
    corruptContent: new Counter({
      name: 'spegel_corrupt_content_total',
      help: 'Content of the store found not to match its digest, and no longer served.',
      registers,
    }),
    peerFailures: new Counter({
      name: 'spegel_peer_failures_total',
      help: 'Failed requests to peers, by reason.',
      labelNames: ['reason'] as const,
      registers,
    }),
    peers: new Gauge({ name: 'spegel_peers', help: 'Live members of the mesh beside this node.', registers }),
    providerRecords: new Gauge({
      name: 'spegel_provider_records',
      help: 'Provider records this node keeps for the mesh.',
      registers,
    }),
    /** All of them, and those of the process, as the library keeps them. */
    all: () => registry.getMetricsAsArray(),
    /** Content type and text of the exposition. */
    async render(): Promise<{ readonly contentType: string; readonly text: string }> {
      return { contentType: registry.contentType, text: await registry.metrics() }
    },
  }
}
