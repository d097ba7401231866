import { once } from 'node:events'
import { mkdir, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { formatBytes } from '../byte-text.ts'
import type { CommandContext } from '../command.ts'
import { hostPlatform } from '../pull/host-platform.ts'
import { pullImage } from '../pull/pull-image.ts'
import { checkAddresses, nodeAddresses } from './addresses.ts'
import { BURST_IMAGE_NAME, planBurst, runBurst } from './burst.ts'
import { DemoFailedError } from './errors.ts'
import type { DemoFlags } from './flags.ts'
import { LiveTable } from './live-table.ts'
import { makeImage } from './make-image.ts'
import { NodeProcess, ownCommand } from './node-process.ts'
import type { BurstResult, DemoResult } from './result.ts'
import { type DemoNode, type PullOnto, runScenario } from './scenario.ts'
import { readSourceImage, type SourceImage } from './source-image.ts'
import { renderMetricsUrls, renderSummary } from './summary.ts'
import { startUpstream, type Upstream } from './upstream.ts'
import { verifyLayout } from './verify.ts'

/**
 * `spegel demo`: nodes as processes of their own on 127.0.0.x and an upstream registry, all of it gone when this returns.
 * Progress goes to stderr, the result to stdout.
 * @throws {AddressUnavailableError} something listens where a node should; nothing was started
 * @throws {DemoImageError} `--image` has nothing to share
 * @throws {NodeFailedError} a node ended
 * @throws {DemoFailedError} not every node has the whole image; the result is printed all the same
 */
export async function runDemo(flags: DemoFlags, context: CommandContext): Promise<void> {
  const addresses = nodeAddresses(flags.nodes, flags.basePort)
  await checkAddresses(addresses)
  const broken = new AbortController()
  const signal = AbortSignal.any([context.signal, broken.signal])
  await using resources = new AsyncDisposableStack()
  try {
    const directory = await mkdtemp(path.join(tmpdir(), 'spegel-demo-'))
    resources.defer(() => rm(directory, { recursive: true, force: true }))
    const image = await sourceImage(flags, directory)
    const upstream = resources.use(await startUpstream(image, { bytesPerSecond: flags.upstreamRate }))
    context.stderr.write(`Starting ${flags.nodes} nodes to share ${image.name} (${formatBytes(image.bytes)})\n`)

    const nodes: NodeProcess[] = []
    const killNodes = (): void => nodes.forEach(node => node.kill())
    process.once('exit', killNodes)
    resources.defer(() => void process.off('exit', killNodes))
    resources.defer(async () => void (await Promise.all(nodes.map(node => node[Symbol.asyncDispose]()))))
    for (const [index, own] of addresses.entries()) {
      const layout = path.join(directory, `node-${index + 1}`)
      await mkdir(layout)
      const peers = addresses.filter(other => other !== own)
      const onFailure = (error: Error): void => broken.abort(error)
      nodes.push(new NodeProcess(ownCommand(), { addresses: own, peers, layout, onFailure }))
    }
    await Promise.all(nodes.map(node => node.ready({ signal })))

    const view = new LiveTable(context.stderr, { nodes: nodes.map(({ name }) => name), imageBytes: image.bytes })
    const pull = pullFrom(image, upstream)
    const verify = (node: DemoNode): Promise<readonly string[]> => verifyNode(node, image, { signal })
    const scenario = await runScenario({ image, nodes, upstream, pull, verify, view }, { signal })
    const { pulls } = scenario
    // What is missing is told once, and first what it was that nobody pulled after.
    const faults = [...new Set([...scenario.faults, ...(await verifyAll(nodes, image, { signal }))])]
    const counts = upstream.counts()
    // What is broken already needs no second scene.
    const second = faults.length > 0 ? undefined : await startBurst(directory, nodes, { flags, ...context, signal })
    if (second !== undefined) faults.push(...second.faults)
    const { name, bytes } = image
    const ok = faults.length === 0
    const result: DemoResult = {
      ok,
      nodes: nodes.length,
      image: name,
      bytes,
      pulls,
      upstream: counts,
      ...(second?.burst === undefined ? {} : { burst: second.burst }),
    }
    context.stdout.write(flags.json ? `${JSON.stringify(result)}\n` : renderSummary(result, context.stdout))
    if (!ok) throw new DemoFailedError(faults)
    if (flags.once) return
    const news = flags.json ? context.stderr : context.stdout
    news.write(renderMetricsUrls(nodes))
    if (!signal.aborted) await once(signal, 'abort')
    broken.signal.throwIfAborted()
  } catch (error) {
    // A node that ended explains whatever failed after it, unless all were told to end.
    if (!context.signal.aborted) broken.signal.throwIfAborted()
    throw error
  }
}

/** The second scene, with an image and an upstream registry of its own. */
async function startBurst(
  directory: string,
  nodes: readonly NodeProcess[],
  { flags, stderr, signal }: Pick<CommandContext, 'stderr' | 'signal'> & { readonly flags: DemoFlags },
): Promise<{ readonly burst?: BurstResult; readonly faults: readonly string[] }> {
  const { bytesPerSecond, layerBytes } = planBurst(flags.upstreamRate)
  const source = path.join(directory, 'burst-image')
  await makeImage(source, layerBytes, BURST_IMAGE_NAME)
  const image = await readSourceImage(source, hostPlatform())
  await using upstream = await startUpstream(image, { bytesPerSecond })
  const { bytes, name, reference } = image
  stderr.write(`All ${nodes.length} nodes pull ${name} (${formatBytes(bytes)}) at once, which none of them has\n`)
  const view = new LiveTable(stderr, { nodes: nodes.map(({ name }) => name), imageBytes: bytes })
  const alone = { mirror: undefined, upstream: upstream.url, into: path.join(directory, 'direct') }
  const progress = { started: () => {}, advanced: () => {}, finished: () => {} }
  const outcome = await runBurst(
    {
      image,
      nodes,
      upstream,
      view,
      pull: pullFrom(image, upstream),
      pullDirect: options => pullImage({ reference, ...alone, platform: hostPlatform(), progress }, options),
    },
    { signal },
  )
  if ('failure' in outcome) return { faults: [outcome.failure] }
  return { burst: outcome.burst, faults: await verifyAll(nodes, image, { signal }) }
}

/** What the nodes lack of the image, one phrase each. */
async function verifyAll(
  nodes: readonly NodeProcess[],
  image: SourceImage,
  options: { readonly signal: AbortSignal },
): Promise<readonly string[]> {
  const faults: string[] = []
  for (const node of nodes) faults.push(...(await verifyNode(node, image, options)))
  return faults
}

/** What one node lacks of the image, one phrase each. */
async function verifyNode(
  { name, layout }: DemoNode,
  image: SourceImage,
  options: { readonly signal: AbortSignal },
): Promise<readonly string[]> {
  const faults = await verifyLayout(layout, image.content, options)
  return faults.map(fault => `${name}: ${fault}`)
}

async function sourceImage(flags: DemoFlags, directory: string): Promise<SourceImage> {
  if (flags.image !== undefined) return readSourceImage(flags.image, hostPlatform())
  const made = path.join(directory, 'image')
  await makeImage(made)
  return readSourceImage(made, hostPlatform())
}

function pullFrom(image: SourceImage, upstream: Upstream): PullOnto {
  return (node, { signal, progress }) =>
    pullImage(
      {
        reference: image.reference,
        mirror: new URL(`http://${node.name}`),
        upstream: upstream.url,
        into: node.layout,
        platform: hostPlatform(),
        progress,
      },
      { signal },
    )
}
