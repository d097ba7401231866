import assert from 'node:assert/strict'
import { readdir, readFile } from 'node:fs/promises'
import type { ServerResponse } from 'node:http'
import path from 'node:path'
import { type PullOptions, type PullResult, pullImage } from '../../src/cli/pull/pull-image.ts'
import { digestOf } from '../../src/oci/digest.ts'
import { blobPath } from '../../src/store/content-directory/content-files.ts'
import { createOciLayout } from '../../src/store/oci-layout/oci-layout.ts'
import { sampleImage, sampleTag } from '../contracts/sample-image.ts'
import { patience } from '../contracts/store-contract.ts'
import { MemoryLog } from '../fakes/memory-log.ts'
import { type Intercept, RegistryServer } from '../fakes/registry-server.ts'
import { noFilter } from '../no-filter.ts'
import { temporaryDirectory } from '../temporary-directory.ts'

/** The image that is pulled. */
export const image = sampleImage('pulled', [100_000, 200_000, 300_000, 400_000])
/** All content of the image. */
export const parts = [image.index, image.manifest, image.config, ...image.layers]
export const imageBytes = parts.reduce((sum, part) => sum + part.content.length, 0)
const [firstLayer = image.config, , , lastLayer = image.config] = image.layers
/** Content of the smallest layer. */
export const smallLayer = firstLayer.content
/** Content of the largest layer. */
export const largeLayer = lastLayer.content

/** Progress that nobody looks at. */
export const silent = { started: () => {}, advanced: () => {}, finished: () => {} }

/** Who takes part in a pull. */
export interface Scene extends AsyncDisposable {
  readonly mirror: RegistryServer
  readonly upstream: RegistryServer
  readonly into: string
  /** @param signal default: {@link patience} */
  pull(overrides?: Partial<PullOptions>, signal?: AbortSignal): Promise<PullResult>
}

/** An empty mirror, an upstream that has the image, and a directory to pull into. */
export async function setScene(): Promise<Scene> {
  await using stack = new AsyncDisposableStack()
  const directory = stack.use(await temporaryDirectory())
  const mirror = stack.use(await RegistryServer.start())
  const upstream = stack.use(await RegistryServer.start())
  fill(upstream)
  const rest = stack.move()
  const defaults: PullOptions = {
    reference: sampleTag,
    mirror: mirror.url,
    upstream: upstream.url,
    into: directory.path,
    platform: { os: 'linux', architecture: 'amd64' },
    progress: silent,
  }
  return {
    mirror,
    upstream,
    into: directory.path,
    pull: (overrides, signal = patience()) => pullImage({ ...defaults, ...overrides }, { signal }),
    [Symbol.asyncDispose]: () => rest.disposeAsync(),
  }
}

/** Gives `registry` the image. */
export function fill(registry: RegistryServer): void {
  for (const part of parts) registry.put(part.content, part === image.index ? sampleTag.tag : undefined)
}

/** Everything but what is staged. */
export async function committed(into: string): Promise<readonly string[]> {
  const files = await readdir(into, { recursive: true, withFileTypes: true })
  const paths = files
    .filter(file => file.isFile())
    .map(file => path.relative(into, path.join(file.parentPath, file.name)))
  return paths.filter(file => !file.startsWith('ingest')).toSorted()
}

/** Asserts that all of the image is in the layout `into`, named, and nothing staged. */
export async function assertPulled(into: string): Promise<void> {
  const { store } = createOciLayout({ roots: [into], filter: noFilter, log: new MemoryLog() })
  assert.equal(await store.resolve(sampleTag, { signal: patience() }), digestOf(image.index.content))
  for (const { content } of parts) {
    assert.ok((await readFile(path.join(into, blobPath(digestOf(content))))).equals(content))
  }
  assert.deepEqual(await readdir(path.join(into, 'ingest')), [])
}

/** Answers requests for `content` with `answer`, the first `times` times. */
export function forContent(content: Buffer, times: number, answer: (response: ServerResponse) => void): Intercept {
  let left = times
  return (request, response) => {
    if (left === 0 || !request.url?.includes(digestOf(content)) || request.method !== 'GET') return false
    left -= 1
    answer(response)
    return true
  }
}

/** Sends the head for `content` and the first `bytes` of it, then FIN. */
export function breakOff(content: Buffer, bytes: number): (response: ServerResponse) => void {
  return response => {
    response.writeHead(200, { 'content-length': content.length })
    response.write(content.subarray(0, bytes), () => response.socket?.end())
  }
}

/** Sends the head for `content`, and other bytes. */
export function corrupt(content: Buffer): (response: ServerResponse) => void {
  return response => {
    response.writeHead(200, { 'content-length': content.length }).end(Buffer.alloc(content.length, 'wrong'))
  }
}
