import assert from 'node:assert/strict'
import { type ChildProcessByStdio, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { mkdir, open, readdir } from 'node:fs/promises'
import path from 'node:path'
import type { Readable } from 'node:stream'
import { text } from 'node:stream/consumers'
import { describe, test } from 'node:test'
import { MADE_IMAGE_NAME, makeImage } from '../../src/cli/demo/make-image.ts'
import type { DemoResult } from '../../src/cli/demo/result.ts'
import { readSourceImage, type SourceImage } from '../../src/cli/demo/source-image.ts'
import { blobPath } from '../../src/store/content-directory/content-files.ts'
import { freePorts } from '../free-ports.ts'
import { temporaryDirectory } from '../temporary-directory.ts'
import { until } from '../until.ts'

const MAIN = path.resolve(import.meta.dirname, '../../src/main.ts')

interface DemoOutcome {
  readonly status: number | null
  readonly stdout: string
  readonly stderr: string
  /** What is left in the temporary directory. */
  readonly left: readonly string[]
}

/** The demo as a process, from the sources, with a small image and a temporary directory of its own. */
class Demo implements AsyncDisposable {
  /** The first of three, of which the third is that of metrics. */
  readonly port: number
  readonly image: SourceImage
  readonly temporary: string
  readonly child: ChildProcessByStdio<null, Readable, Readable>
  readonly outcome: Promise<DemoOutcome>
  readonly #directory: AsyncDisposable

  private constructor(parts: {
    readonly port: number
    readonly image: SourceImage
    readonly directory: { readonly path: string } & AsyncDisposable
    readonly args: readonly string[]
  }) {
    const { port, image, directory, args } = parts
    this.port = port
    this.image = image
    this.#directory = directory
    this.temporary = path.join(directory.path, 'tmp')
    const flags = [`--base-port=${port}`, `--image=${image.directory}`, ...args]
    this.child = spawn(process.execPath, [MAIN, 'demo', ...flags], {
      env: { TMPDIR: this.temporary },
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    this.outcome = this.#untilEnd()
  }

  static async start(layerBytes: readonly number[], ...args: readonly string[]): Promise<Demo> {
    const directory = await temporaryDirectory()
    await mkdir(path.join(directory.path, 'tmp'))
    const layout = path.join(directory.path, 'image')
    await makeImage(layout, layerBytes)
    const image = await readSourceImage(layout, { os: 'linux', architecture: 'amd64' })
    const { registry: port } = await freePorts()
    return new Demo({ port, image, directory, args })
  }

  /** Where the nodes' registries listen. */
  node(number: number): string {
    return `127.0.0.${number}:${this.port}`
  }

  async #untilEnd(): Promise<DemoOutcome> {
    const closed = once(this.child, 'close')
    const [stdout, stderr] = await Promise.all([readAll(this.child.stdout), readAll(this.child.stderr)])
    await closed
    return { status: this.child.exitCode, stdout, stderr, left: await readdir(this.temporary) }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.child.kill('SIGTERM')
    await this.outcome
    await this.#directory[Symbol.asyncDispose]()
  }
}

/** Fails where anything listens where the nodes did. */
async function assertGone(demo: Demo, nodes: number): Promise<void> {
  for (let number = 1; number <= nodes; number++) await assert.rejects(fetch(`http://${demo.node(number)}/readyz`))
}

describe('spegel demo', () => {
  test('has one node pull from upstream, the others from each other, and leaves nothing behind', async () => {
    await using demo = await Demo.start([1_000_000, 2_000_000], '--once', '--json')
    const { status, stdout, stderr, left } = await demo.outcome
    assert.equal(status, 0, stderr)
    const result = JSON.parse(stdout.trimEnd().split('\n').at(-1) ?? '') as DemoResult
    const { bytes } = demo.image
    const { pulls, upstream, burst, ...summary } = result
    assert.deepEqual(Object.keys(result), ['ok', 'nodes', 'image', 'bytes', 'pulls', 'upstream', 'burst'])
    assert.deepEqual(summary, { ok: true, nodes: 3, image: MADE_IMAGE_NAME, bytes })
    assert.deepEqual(
      pulls.map(({ node }) => node),
      [1, 2, 3].map(number => demo.node(number)),
    )
    for (const pull of pulls) {
      assert.deepEqual(Object.keys(pull), ['node', 'seconds', 'bytes', 'from'])
      assert.ok(pull.seconds > 0)
      assert.equal(pull.bytes, bytes)
      assert.equal(
        Object.values(pull.from).reduce((sum, count) => sum + count, 0),
        bytes,
      )
    }
    const [cold, second, third] = pulls
    assert.deepEqual(cold?.from, { upstream: bytes })
    assert.deepEqual(second?.from, { [demo.node(1)]: bytes })
    assert.ok(Object.keys(third?.from ?? {}).every(source => [demo.node(1), demo.node(2)].includes(source)))
    const { manifestRequests, ...blobs } = upstream
    const blobContent = demo.image.content.slice(1)
    assert.ok(manifestRequests > 0)
    assert.deepEqual(blobs, {
      blobRequests: blobContent.length,
      blobBytes: blobContent.reduce((sum, { size }) => sum + size, 0),
    })
    assert.ok(burst)
    assert.deepEqual(Object.keys(burst), ['nodes', 'bytes', 'upstream', 'seconds', 'directSeconds'])
    assert.equal(burst.nodes, 3)
    assert.equal(burst.seconds.length, 3)
    assert.ok([...burst.seconds, burst.directSeconds].every(seconds => seconds > 0))
    // Three layers and the config, once for all nodes.
    assert.equal(burst.upstream.blobRequests, 4)
    assert.ok(burst.upstream.blobBytes > 20_000_000 && burst.upstream.blobBytes < burst.bytes)
    assert.deepEqual(left, [])
    await assertGone(demo, 3)
  })

  test('says that it is not ok, with status 1, where content of a node is damaged before it is shared', async () => {
    // The large layer keeps the first pull going while the small one, which is there by then, is damaged. What is still
    // smaller is verified before it is shared.
    await using demo = await Demo.start([400_000, 2_000_000], '--nodes=2', '--once', '--json', '--upstream-rate=1MB')
    const [, , small] = demo.image.content
    assert.ok(small)
    // No search through all of it: files of a pull that goes on vanish under one.
    const committed = async (): Promise<string | undefined> => {
      const made = await readdir(demo.temporary)
      const blobs = made.map(name => path.join(demo.temporary, name, 'node-1', blobPath(small.digest)))
      return blobs.find(existsSync)
    }
    await until(async () => (await committed()) !== undefined)
    const file = await open((await committed()) ?? '', 'r+')
    await file.write('damaged', 0)
    await file.close()

    const { status, stdout, stderr, left } = await demo.outcome
    assert.equal(status, 1)
    const { ok, pulls } = JSON.parse(stdout) as DemoResult
    assert.equal(ok, false)
    assert.deepEqual(
      pulls.map(({ node }) => node),
      [demo.node(1)],
    )
    const { error } = JSON.parse(stderr.trimEnd().split('\n').at(-1) ?? '') as { error: { message: string } }
    assert.match(error.message, new RegExp(`${demo.node(1)}: ${small.digest} hashes to sha256:`))
    assert.deepEqual(left, [])
    await assertGone(demo, 2)
  })

  test('cleans up after itself where nobody reads what it says any more', async () => {
    await using demo = await Demo.start([1000], '--nodes=2')
    await once(demo.child.stderr, 'data')
    demo.child.stderr.destroy()
    const { status, left } = await demo.outcome
    assert.equal(status, 143)
    assert.deepEqual(left, [])
    await assertGone(demo, 2)
  })

  test('keeps its nodes up until Ctrl-C, and they are gone after it', async () => {
    await using demo = await Demo.start([1000], '--nodes=2')
    let shown = ''
    demo.child.stdout.on('data', (data: Buffer) => (shown += data.toString()))
    const metricsUrl = `http://127.0.0.2:${demo.port + 2}/metrics`
    await until(() => shown.includes(metricsUrl))
    assert.match(await (await fetch(metricsUrl)).text(), /spegel_advertised_image_tags/)
    demo.child.kill('SIGINT')
    const { status, stdout, left } = await demo.outcome
    assert.equal(status, 0)
    assert.match(stdout, /✓ 2 nodes have the whole image/)
    assert.deepEqual(left, [])
    await assertGone(demo, 2)
  })
})

/** What comes until the end, or nothing where a test stops reading, as a closed pipe does. */
async function readAll(stream: Readable): Promise<string> {
  try {
    return await text(stream)
  } catch {
    return ''
  }
}
