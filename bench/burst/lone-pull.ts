import path from 'node:path'
import process from 'node:process'
import { ChildProgram } from '../../test/e2e/containerd/child-program.ts'
import type { UpstreamImage } from '../../test/e2e/containerd/upstream/upstream.ts'
import { until } from '../../test/until.ts'
import type { Stage } from './stage.ts'
import { TimingRelay } from './timing-relay.ts'

/** Pulls by each way. */
const PULLS = 40
const LAYERS = [100_000, 100_000, 100_000, 100_000]
const RELAY_PORT = 5005
const BARE_PORT = 5006
const BARE_SERVER = path.resolve(import.meta.dirname, 'bare-server.ts')

/** What one node's cold pulls wait for because there is a mirror. */
export interface LonePulls {
  /** How long each request waited for the mirror to say that it has nothing. */
  readonly waitsMs: readonly number[]
  /** How long each waited where a server says so that does nothing else. */
  readonly bareWaitsMs: readonly number[]
  /** How long each pull took, by way of the mirror and past it. */
  readonly pullMs: { readonly mirror: readonly number[]; readonly direct: readonly number[] }
}

/** Small images that nobody has, pulled one after the other by the first node, by turns with and without its mirror. */
export async function loneColdPulls(stage: Stage): Promise<LonePulls> {
  const node = stage.node(0)
  const relay = await relayTo(stage)
  await stage.settled()
  const pullMs: Record<'mirror' | 'direct', number[]> = { mirror: [], direct: [] }
  for (let number = 0; number <= PULLS; number++) {
    for (const way of ['mirror', 'direct'] as const) {
      const image = await pushSmall(stage, `lone/${way}-${number}`)
      if (way === 'direct') await stage.lead(node, 'direct')
      else await stage.leadBy(node, RELAY_PORT)
      const startedAt = performance.now()
      await node.pull(image.name)
      // The first ones warm up what the others find.
      if (number > 0) pullMs[way].push(performance.now() - startedAt)
      else relay.take()
      await node.remove(image.name)
    }
  }
  const waitsMs = relay.take()
  await relay[Symbol.asyncDispose]()
  const bareWaitsMs = await bareWaits(stage)
  await stage.lead(node, 'mirror')
  return { waitsMs, bareWaitsMs, pullMs }
}

/** Waits of the first node's requests for a server that only says that it has nothing. */
async function bareWaits(stage: Stage): Promise<readonly number[]> {
  const node = stage.node(0)
  const host = new URL(node.spegel.url).hostname
  const command = node.host.within([process.execPath, BARE_SERVER, host, String(BARE_PORT)])
  await using server = ChildProgram.start('bare-server', command)
  await until(async () => {
    server.assertRunning()
    return await fetch(`http://${host}:${BARE_PORT}`).then(
      () => true,
      () => false,
    )
  })
  await using relay = await TimingRelay.start(RELAY_PORT, { host, port: BARE_PORT })
  await stage.leadBy(node, RELAY_PORT)
  for (let number = 0; number < PULLS; number++) {
    const image = await pushSmall(stage, `lone/bare-${number}`)
    await node.pull(image.name)
    await node.remove(image.name)
  }
  return relay.take()
}

/** Waits of a node's requests, pull for pull, from the moment on when the last node can no longer be reached. */
export async function pullsBesideBlackhole(stage: Stage): Promise<readonly (readonly number[])[]> {
  const node = stage.node(0)
  await using relay = await relayTo(stage)
  const images: UpstreamImage[] = []
  for (let number = 0; number < PULLS; number++) images.push(await pushSmall(stage, `blackhole/${number}`))
  await stage.leadBy(node, RELAY_PORT)
  const { host: gone } = stage.node(stage.nodes.length - 1)
  await gone.blackhole()
  const waits: (readonly number[])[] = []
  try {
    for (const image of images) {
      await node.pull(image.name)
      waits.push(relay.take())
    }
  } finally {
    await gone.heal()
  }
  await stage.lead(node, 'mirror')
  return waits
}

async function pushSmall({ upstream }: Stage, repository: string): Promise<UpstreamImage> {
  return await upstream.push({ layers: LAYERS, repository })
}

async function relayTo(stage: Stage): Promise<TimingRelay> {
  const { hostname, port } = new URL(stage.node(0).spegel.url)
  return await TimingRelay.start(RELAY_PORT, { host: hostname, port: Number(port) })
}
