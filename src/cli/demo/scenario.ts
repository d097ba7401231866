import { setTimeout } from 'node:timers/promises'
import { type DistributionPath, formatDistributionPath } from '../../oci/distribution-path.ts'
import { isManifestMediaType } from '../../oci/media-type.ts'
import { Exchange } from '../pull/exchange.ts'
import type { PullProgress } from '../pull/progress.ts'
import type { PullResult } from '../pull/pull-image.ts'
import { untilAnnounced } from './announced.ts'
import { NodeFailedError } from './errors.ts'
import type { NodePull } from './result.ts'
import type { SourceImage } from './source-image.ts'
import type { Upstream } from './upstream.ts'

/** Longest wait for what one node has to be found by the next. */
const FOUND_TIMEOUT_MS = 30_000
const FOUND_POLL_MS = 50

interface CallOptions {
  readonly signal: AbortSignal
}

/** A node as the scenario sees it. */
export interface DemoNode {
  /** Where its registry listens. */
  readonly name: string
  readonly metricsUrl: string
  /** Its image layout. */
  readonly layout: string
}

/** Pulls the image into the layout of `node`: from its mirror and, where that has nothing, from upstream. */
export type PullOnto = (
  node: DemoNode,
  options: CallOptions & { readonly progress: PullProgress },
) => Promise<Pick<PullResult, 'bytes' | 'seconds' | 'from'>>

/** Is shown what happens. */
export interface DemoView {
  /** The node is up to find the image at its peers. */
  looking(node: string): void
  /** Called for every piece that arrives. */
  pulling(pull: NodePull): void
  pulled(pull: NodePull): void
  upstreamStopped(): void
}

export interface ScenarioComponents {
  readonly image: SourceImage
  readonly nodes: readonly DemoNode[]
  readonly upstream: Upstream
  readonly pull: PullOnto
  /** What a node that has just pulled lacks of the image, one phrase each. */
  readonly verify: (node: DemoNode, options: CallOptions) => Promise<readonly string[]>
  readonly view: DemoView
}

export interface ScenarioOptions extends CallOptions {
  /** Default: {@link FOUND_TIMEOUT_MS}. */
  readonly foundTimeoutMs?: number
}

/** What came of the scenario. */
export interface ScenarioOutcome {
  /** Those that succeeded, in order. */
  readonly pulls: readonly NodePull[]
  /** What went wrong, one phrase each: nobody pulls after it. */
  readonly faults: readonly string[]
}

/**
 * The first node pulls while no node has the image; then upstream is stopped, and the others pull one after the other, so
 * that each can get its share from all who came before. What a node has is verified first: a node that finds out that its
 * content is damaged does not share it, and the next would look for it in vain.
 */
export async function runScenario(components: ScenarioComponents, options: ScenarioOptions): Promise<ScenarioOutcome> {
  const { image, nodes, upstream, verify, view } = components
  const { signal } = options
  const pulls: NodePull[] = []
  for (const [index, node] of nodes.entries()) {
    if (index === 1) {
      await upstream.stop()
      view.upstreamStopped()
    }
    if (index > 0) {
      view.looking(node.name)
      const fault = await faultOf(untilFound(image, node, options))
      if (fault !== undefined) return { pulls, faults: [fault] }
    }
    let pull: NodePull
    try {
      const progress = new ShownProgress(node.name, view)
      const { bytes, seconds, from } = await components.pull(node, { signal, progress })
      pull = { node: node.name, seconds: Math.round(seconds * 1000) / 1000, bytes, from }
    } catch (error) {
      signal.throwIfAborted()
      return { pulls, faults: [`${node.name}: ${error instanceof Error ? error.message : String(error)}`] }
    }
    view.pulled(pull)
    pulls.push(pull)
    const faults = await verify(node, { signal })
    if (faults.length > 0) return { pulls, faults }
    // The root is announced as an image, the rest as content.
    const fault = await faultOf(untilAnnounced(node, image.content.length - 1, { signal }))
    if (fault !== undefined) return { pulls, faults: [fault] }
  }
  return { pulls, faults: [] }
}

/** Why what a node was waited for did not happen; undefined where it did. */
async function faultOf(wait: Promise<void>): Promise<string | undefined> {
  try {
    await wait
    return undefined
  } catch (error) {
    if (error instanceof NodeFailedError) return error.message
    throw error
  }
}

/** Adds up the downloads of one pull for the view. */
export class ShownProgress implements PullProgress {
  readonly #node: string
  readonly #view: Pick<DemoView, 'pulling'>
  readonly #startedMs = performance.now()
  readonly #from: Record<string, number> = {}
  #bytes = 0

  constructor(node: string, view: Pick<DemoView, 'pulling'>) {
    this.#node = node
    this.#view = view
  }

  started(): void {}

  advanced(_: unknown, bytes: number, source: string): void {
    this.#bytes += bytes
    this.#from[source] = (this.#from[source] ?? 0) + bytes
    const seconds = (performance.now() - this.#startedMs) / 1000
    this.#view.pulling({ node: this.#node, seconds, bytes: this.#bytes, from: this.#from })
  }

  finished(): void {}
}

/** Waits until `node` finds every part of the image at some other node, as it will when it pulls. */
async function untilFound(
  { content, reference }: SourceImage,
  node: DemoNode,
  { signal, foundTimeoutMs = FOUND_TIMEOUT_MS }: ScenarioOptions,
): Promise<void> {
  const { registry, repository } = reference
  const parts = content.map(({ digest, mediaType }): DistributionPath => {
    const kind = isManifestMediaType(mediaType) ? 'manifest' : 'blob'
    return { kind, reference: { kind: 'digest', registry, repository, digest } }
  })
  const deadlineMs = performance.now() + foundTimeoutMs
  for (const part of [{ kind: 'manifest', reference } as const, ...parts]) {
    const target = formatDistributionPath(part)
    while (!(await finds(node, target, { signal }))) {
      if (performance.now() > deadlineMs) throw new NodeFailedError(node.name, `finds nobody who has ${target}`, '')
      await setTimeout(FOUND_POLL_MS, undefined, { signal })
    }
  }
}

async function finds(node: DemoNode, target: string, options: CallOptions): Promise<boolean> {
  const url = new URL(`http://${node.name}${target}`)
  await using exchange = await Exchange.open(url, { method: 'HEAD', headers: {}, ...options })
  return exchange.status === 200
}
