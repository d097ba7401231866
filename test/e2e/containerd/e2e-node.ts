import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import type { Digest } from '../../../src/oci/digest.ts'
import type { TestHost } from '../../interop/network.ts'
import { until } from '../../until.ts'
import type { ChildProgram } from './child-program.ts'
import type { Containerd, PullOptions } from './containerd.ts'
import type { SpegelProcess } from './spegel-process.ts'
import type { UpstreamImage } from './upstream/upstream.ts'

export interface NodeParts {
  readonly host: TestHost
  readonly containerd: Containerd
  /** Undefined: containerd goes straight to the registry. */
  readonly spegel: SpegelProcess | undefined
  /** File of what containerd sent to its mirror, if that is recorded. */
  readonly recording: string | undefined
}

/** A machine of the cluster: a containerd, and a mirror that it asks first. */
export class E2eNode {
  readonly host: TestHost
  readonly containerd: Containerd
  readonly #registry: string
  readonly #spegel: SpegelProcess | undefined
  readonly #recording: string | undefined

  constructor({ host, containerd, spegel, recording }: NodeParts, registry: string) {
    this.host = host
    this.containerd = containerd
    this.#spegel = spegel
    this.#recording = recording
    this.#registry = registry
  }

  get spegel(): SpegelProcess {
    if (this.#spegel === undefined) throw new Error(`${this.host.address} has no mirror`)
    return this.#spegel
  }

  /** What runs here. */
  get programs(): readonly ChildProgram[] {
    return [this.containerd.program, ...(this.#spegel === undefined ? [] : [this.#spegel.program])]
  }

  /** Pulls as kubelet does. The result may be awaited later: a failure waits until then. */
  pull(image: string, options: PullOptions = {}): Promise<void> {
    return this.containerd.pull(image, options)
  }

  /** Removes an image as kubelet does; its content is gone when this resolves. */
  async remove(image: string): Promise<void> {
    await this.containerd.remove(image)
  }

  /** What containerd sent to its mirror so far, byte for byte, in a cluster that records. */
  async recorded(): Promise<string> {
    if (this.#recording === undefined) throw new Error('this cluster does not record')
    return await readFile(this.#recording, 'latin1')
  }

  /** Fails unless every piece of `image` is here, byte for byte. */
  async assertHolds(image: UpstreamImage): Promise<void> {
    for (const digest of image.contents.keys()) assert.equal(await this.containerd.hashOf(digest), digest)
  }

  /** Status that the mirror answers a HEAD of a tag or digest with. */
  async headStatus(image: UpstreamImage, reference: string): Promise<number> {
    const kind = image.blobs.some(blob => blob === reference) ? 'blobs' : 'manifests'
    return await this.spegel.status('HEAD', `/v2/${image.repository}/${kind}/${reference}?ns=${this.#registry}`)
  }

  /** Waits until the mirror here finds the content of `image`, here or on other nodes. */
  async findsContent(image: UpstreamImage): Promise<void> {
    for (const reference of image.contents.keys()) await this.#finds(image, reference)
  }

  /** Waits until the mirror here finds the content of `image` and its tag, here or on other nodes. */
  async finds(image: UpstreamImage): Promise<void> {
    await this.findsContent(image)
    await this.#finds(image, image.tag)
  }

  /** Waits until the mirror here finds `reference` nowhere. */
  async misses(image: UpstreamImage, reference: string): Promise<void> {
    await until(async () => (await this.headStatus(image, reference)) === 404)
  }

  /** Waits until containerd has `digest` whole. */
  async committed(digest: Digest): Promise<void> {
    await until(async () => (await this.containerd.digests()).includes(digest))
  }

  async #finds(image: UpstreamImage, reference: string): Promise<void> {
    await until(async () => (await this.headStatus(image, reference)) === 200)
  }
}
