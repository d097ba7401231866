import assert from 'node:assert/strict'
import { existsSync } from 'node:fs'
import { mkdir, readdir, readFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import path from 'node:path'
import { after, before, describe, test } from 'node:test'
import { buildImage } from '../../../scripts/image/build.ts'
import { digestOf } from '../../../src/oci/digest.ts'
import { freePorts } from '../../free-ports.ts'
import { RegistryProcess } from '../../integration/registry-process.ts'
import { writeSharedImage } from '../../integration/shared-image.ts'
import { temporaryDirectory } from '../../temporary-directory.ts'
import { assertFindsDamage } from '../damaged-layer.ts'
import { run, unlessInstalled } from '../program.ts'
import { type ContainerOptions, containerCommand } from './container.ts'
import { type UnpackedImage, unpackImage } from './unpacked-image.ts'

const BUNDLE = path.resolve(import.meta.dirname, '../../../dist/spegel.js')
/** What the chart gives a pod. */
const MEMORY_BYTES = 128 * 1024 * 1024
const MAX_COMPRESSED_BYTES = 60_000_000

const { version } = createRequire(import.meta.url)('../../../package.json')

function unlessBuildable(): string | false {
  if (process.getuid?.() !== 0) return 'root is needed'
  if (!existsSync(BUNDLE)) return 'npm run build has not been run'
  return unlessInstalled('buildah') || unlessInstalled('runc')
}

describe('the container image', { skip: unlessBuildable() }, () => {
  let scratch: Awaited<ReturnType<typeof temporaryDirectory>>
  let image: UnpackedImage

  before(async () => {
    scratch = await temporaryDirectory()
    const layout = path.join(scratch.path, 'first')
    await buildImage({ scratch: path.join(scratch.path, 'build-1'), into: layout, tag: 'test' })
    image = await unpackImage(layout, path.join(scratch.path, 'rootfs'))
  })
  after(() => scratch[Symbol.asyncDispose]())

  const inContainer = (options: ContainerOptions): Promise<string> => {
    const [program = '', ...args] = containerCommand(image, scratch.path, options)
    return run(program, args)
  }

  test('is the same when it is built again', async () => {
    const layout = path.join(scratch.path, 'second')
    await buildImage({ scratch: path.join(scratch.path, 'build-2'), into: layout, tag: 'test' })
    const again = await unpackImage(layout, path.join(scratch.path, 'rootfs-2'))
    assert.equal(again.digest, image.digest)
  })

  test('is small, and has no shell', async context => {
    context.diagnostic(`compressed: ${(image.compressedBytes / 1e6).toFixed(1)} MB`)
    assert.ok(image.compressedBytes <= MAX_COMPRESSED_BYTES, `${image.compressedBytes} bytes`)
    const files = await readdir(image.rootfs, { recursive: true })
    assert.deepEqual(
      files.filter(file => /(?:^|\/)(?:sh|bash|busybox|dash)$/.test(file)),
      [],
    )
  })

  test('says what it is', () => {
    assert.equal(image.labels['org.opencontainers.image.version'], version)
    assert.match(image.labels['org.opencontainers.image.revision'] ?? '', /^[0-9a-f]{40}$/)
    assert.equal(image.user, '0:0')
  })

  test('answers version', async () => {
    const answer: unknown = JSON.parse(await inContainer({ args: ['version', '--format=json'] }))
    assert.ok(typeof answer === 'object' && answer !== null)
    assert.equal(Reflect.get(answer, 'version'), version)
  })

  test('takes its heap from the memory limit of the container', async () => {
    const [node = '', ...flags] = image.entrypoint.slice(0, -1)
    const print = ['--print', 'v8.getHeapStatistics().heap_size_limit']
    const limit = async (memoryBytes: number): Promise<number> =>
      Number(await inContainer({ entrypoint: [node, ...flags], args: print, memoryBytes }))
    const [small, large] = await Promise.all([limit(MEMORY_BYTES), limit(4 * MEMORY_BYTES)])
    assert.ok(small < MEMORY_BYTES / 2, `${small} bytes of heap in ${MEMORY_BYTES}`)
    assert.ok(large > 2 * small && large < 2 * MEMORY_BYTES, `${large} bytes of heap in ${4 * MEMORY_BYTES}`)
  })

  test('writes the configuration of containerd', async () => {
    const directory = path.join(scratch.path, 'certs.d')
    await mkdir(directory)
    const flags = [`--containerd-registry-config-path=${directory}`, '--mirror-targets', 'http://10.0.0.1:30020']
    await inContainer({ args: ['configuration', ...flags], writable: [directory], memoryBytes: MEMORY_BYTES })
    assert.match(await readFile(path.join(directory, '_default/hosts.toml'), 'utf8'), /10\.0\.0\.1:30020/)
  })

  test('serves an image, finds out that it is damaged, and ends when it is told to', async context => {
    const layout = path.join(scratch.path, 'layout')
    const shared = await writeSharedImage([layout], 20_000_000)
    const dataDir = path.join(scratch.path, 'data')
    await mkdir(dataDir)
    const started = performance.now()
    await using node = RegistryProcess.start({
      host: '127.0.0.1',
      ports: await freePorts(),
      layout,
      peers: [],
      flags: [`--data-dir=${dataDir}`],
      within: ([, , ...args]) =>
        containerCommand(image, scratch.path, {
          args,
          readable: [layout],
          writable: [dataDir],
          memoryBytes: MEMORY_BYTES,
        }),
    })
    await node.ready()
    context.diagnostic(`start of the container to ready: ${Math.round(performance.now() - started)} ms`)

    const { registry, repository, tag } = shared.reference
    const get = async (what: string): Promise<Buffer> => {
      const file = path.join(scratch.path, 'got')
      await run('curl', ['-sSf', '--output', file, `${node.url}/v2/${repository}/${what}?ns=${registry}`])
      return readFile(file)
    }
    assert.deepEqual(await get(`manifests/${tag}`), shared.manifest.content)
    assert.equal(digestOf(await get(`blobs/${shared.layer.digest}`)), shared.layer.digest)
    assert.deepEqual(await readdir(dataDir), ['private.key'])
    await assertFindsDamage(node, layout, shared)

    const told = performance.now()
    node.kill('SIGTERM')
    assert.equal(await node.exit(), 0)
    context.diagnostic(`SIGTERM to exit: ${Math.round(performance.now() - told)} ms`)
  })
})
