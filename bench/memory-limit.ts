/**
 * Whether a node lives within the chart's memory limit: in a cgroup with a hard limit, run as the image runs it, beside a
 * containerd (a stand-in) that holds ten thousand digests, it advertises those to a peer, serves 500 MB to 32 clients at
 * once, and then relays 500 MB that only the peer has, to 32 clients at once. Needs root and `npm run build`. Exits 1 where
 * the node does not survive.
 *
 * Run: npm run bench:memory-limit [LIMIT IN MiB]
 */
import { type ChildProcess, execFile, spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { readFile, writeFile } from 'node:fs/promises'
import http from 'node:http'
import path from 'node:path'
import process from 'node:process'
import { setTimeout as delay } from 'node:timers/promises'
import { promisify } from 'node:util'
import { type Digest, digestOf } from '../src/oci/digest.ts'
import { FakeContainerd } from '../test/containerd/fake-containerd.ts'
import { imageOf } from '../test/contracts/sample-image.ts'
import { freePorts, type Ports } from '../test/free-ports.ts'
import { metricOf } from '../test/integration/node-state.ts'
import { temporaryDirectory } from '../test/temporary-directory.ts'
import { until } from './driven-mesh.ts'
import { MemoryGroup } from './memory-group.ts'
import { majorFaults, residentMiB } from './process-usage.ts'

const LIMIT_MIB = Number(process.argv[2] ?? 128)
const KEYS = 10_000
const LAYERS_PER_IMAGE = 98
const BLOB_BYTES = 16_000_000
const BLOBS = 4
const TOTAL_BYTES = 500_000_000
const CLIENTS = 32
const SAMPLE_MS = 20
/** A node that does nothing for so long lives, and is of no use. */
const PATIENCE_MS = 20_000
const ROOT = path.resolve(import.meta.dirname, '..')
const BUNDLE = path.join(ROOT, 'dist/spegel.js')
const LIMITED = '127.0.0.1'
const PEER = '127.0.0.2'

/** Options of Node in the image's entrypoint: the heap follows the limit. */
async function nodeOptions(): Promise<readonly string[]> {
  const [, entrypoint = ''] = /^ENTRYPOINT (\[.+\])$/m.exec(await readFile(path.join(ROOT, 'Dockerfile'), 'utf8')) ?? []
  const words: unknown = JSON.parse(entrypoint)
  return Array.isArray(words) ? words.map(String).filter(word => word.startsWith('--')) : []
}

/** Puts an image into `containerd`; all digests of it. */
async function hold(
  containerd: FakeContainerd,
  repository: string,
  layers: readonly Buffer[],
): Promise<readonly Digest[]> {
  const { config, manifest } = imageOf(layers, repository)
  const digests: Digest[] = []
  for (const content of [...layers, config.content, manifest.content]) digests.push(await containerd.put(content))
  await containerd.tag({ kind: 'tag', registry: 'registry.example', repository, tag: '1' }, digestOf(manifest.content))
  return digests
}

interface NodeParts {
  readonly host: string
  readonly ports: Ports
  readonly containerd: FakeContainerd
  readonly flags: readonly string[]
}

function registryCommand({ host, ports, containerd, flags }: NodeParts): readonly string[] {
  return [
    BUNDLE,
    'registry',
    '--log-level=ERROR',
    `--containerd-sock=${containerd.socket}`,
    `--containerd-content-path=${containerd.contentDirectory}`,
    `--registry-addr=${host}:${ports.registry}`,
    `--router-addr=${host}:${ports.router}`,
    `--metrics-addr=${host}:${ports.metrics}`,
    '--bootstrap-kind=static',
    '--static-bootstrap-peers',
    ...[LIMITED, PEER].filter(other => other !== host),
    ...flags,
  ]
}

class Running implements AsyncDisposable {
  readonly child: ChildProcess
  readonly #exited: Promise<unknown>

  constructor([program = '', ...args]: readonly string[]) {
    this.child = spawn(program, args, { stdio: ['ignore', 'ignore', 'inherit'] })
    this.#exited = once(this.child, 'exit')
  }

  get running(): boolean {
    return this.child.exitCode === null && this.child.signalCode === null
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.child.kill('SIGTERM')
    await this.#exited
  }
}

/** Copies a file such that its pages count against the group, as those of an image's layers do in a container. */
async function copyWithin(memory: MemoryGroup, from: string, to: string): Promise<void> {
  const [program = '', ...args] = memory.within(['cp', from, to])
  await promisify(execFile)(program, args)
}

/** Downloads blobs in turn, `CLIENTS` at a time, until `TOTAL_BYTES` were asked for; what came, and what failed how. */
async function transfer(url: (digest: Digest) => string, blobs: readonly Digest[], authorization: string) {
  const agent = new http.Agent({ keepAlive: true })
  let started = 0
  const failures = new Map<string, number>()
  let bytes = 0
  const download = (): Promise<void> => {
    const { promise, resolve } = Promise.withResolvers<void>()
    const digest = blobs[started++ % blobs.length]
    if (digest === undefined) throw new Error('there is no blob')
    const fail = (why: string): void => {
      failures.set(why, (failures.get(why) ?? 0) + 1)
      resolve()
    }
    const request = http.get(url(digest), { agent, headers: { authorization }, timeout: PATIENCE_MS }, response => {
      response.on('data', (chunk: Buffer) => {
        bytes += chunk.length
      })
      const { statusCode } = response
      response.once('end', () => (statusCode === 200 ? resolve() : fail(`status ${statusCode}`)))
      response.once('error', error => fail(error.message))
    })
    request.once('timeout', () => request.destroy(new Error(`silent for ${PATIENCE_MS} ms`)))
    request.once('error', error => fail(error.message))
    return promise
  }
  const client = async (): Promise<void> => {
    // oxlint-disable-next-line no-unmodified-loop-condition -- downloads count themselves
    while (started * BLOB_BYTES < TOTAL_BYTES) await download()
  }
  await Promise.all(Array.from({ length: CLIENTS }, client))
  agent.destroy()
  return { bytes, failures }
}

async function metric(host: string, ports: Ports, name: string): Promise<number> {
  const response = await fetch(`http://${host}:${ports.metrics}/metrics`)
  return metricOf(await response.text(), name)
}

await using stack = new AsyncDisposableStack()
const directory = stack.use(await temporaryDirectory()).path
const group = stack.use(await MemoryGroup.create(LIMIT_MIB))
const ports = await freePorts()
const [holding, serving] = [stack.use(await FakeContainerd.start()), stack.use(await FakeContainerd.start())]
for (let image = 0; image * (LAYERS_PER_IMAGE + 2) < KEYS; image++) {
  await hold(
    holding,
    `many/${image}`,
    Array.from({ length: LAYERS_PER_IMAGE }, () => randomBytes(100)),
  )
}
const large = () => Array.from({ length: BLOBS }, () => randomBytes(BLOB_BYTES))
const own = (await hold(holding, 'own/blobs', large())).slice(0, BLOBS)
const others = (await hold(serving, 'other/blobs', large())).slice(0, BLOBS)

await writeFile(path.join(directory, 'username'), 'bench')
await writeFile(path.join(directory, 'password'), 'bench')
const authorization = `Basic ${Buffer.from('bench:bench').toString('base64')}`
const secret = path.join(directory, 'secret')
await writeFile(secret, 'the secret of a benchmark')
const flags = [`--cluster-secret-file=${secret}`, `--basic-auth-dir=${directory}`]
const program = path.join(directory, 'node')
await copyWithin(group, process.execPath, program)
const command = [program, ...(await nodeOptions())]
const peer = registryCommand({ host: PEER, ports, containerd: serving, flags })
const limited = registryCommand({ host: LIMITED, ports, containerd: holding, flags })
stack.use(new Running([process.execPath, ...peer]))
const node = stack.use(new Running(group.within([...command, ...limited])))

let [anonymousMiB, residentMax] = [0, 0]
let sampling = true
const sampled = (async () => {
  // oxlint-disable-next-line no-unmodified-loop-condition -- it is set below, once the last phase is over
  while (sampling && node.running) {
    anonymousMiB = Math.max(anonymousMiB, (await group.use()).anonymous)
    residentMax = Math.max(residentMax, await residentMiB(node.child.pid ?? 0).catch(() => 0))
    await delay(SAMPLE_MS)
  }
})()

const header = [
  `Node ${process.version}, cgroup v${group.version}, hard limit ${LIMIT_MIB} MiB.\n`,
  '| phase | outcome | s | anonymous, MiB | resident, MiB | cgroup peak, MiB | major faults | OOM kills | alive |',
  '| --- | --- | --- | --- | --- | --- | --- | --- | --- |',
]
process.stdout.write(`${header.join('\n')}\n`)
const faults = (): Promise<number> => majorFaults(node.child.pid ?? 0).catch(() => Number.NaN)
async function phase(name: string, run: () => Promise<string>): Promise<void> {
  ;[anonymousMiB, residentMax] = [0, 0]
  const faultsBefore = await faults()
  const started = performance.now()
  const outcome = node.running ? await run().catch((error: unknown) => `failed: ${String(error)}`) : 'not reached'
  const seconds = ((performance.now() - started) / 1000).toFixed(1)
  const { peak, killed } = await group.use()
  const memory = [anonymousMiB, residentMax, peak].map(mib => mib.toFixed(0)).join(' | ')
  const waits = (await faults()) - faultsBefore
  process.stdout.write(
    `| ${name} | ${outcome} | ${seconds} | ${memory} | ${waits} | ${killed} | ${node.running ? 'yes' : 'no'} |\n`,
  )
}

const blobUrl = (digest: Digest): string =>
  `http://${LIMITED}:${ports.registry}/v2/team/app/blobs/${digest}?ns=registry.example`
const megabytes = async (blobs: readonly Digest[]): Promise<string> => {
  const { bytes, failures } = await transfer(blobUrl, blobs, authorization)
  const failed = [...failures].map(([why, count]) => `${count} × ${why}`).join(', ')
  return `${(bytes / 1e6).toFixed(0)} MB, ${failed === '' ? 'none' : failed} failed`
}
async function isFound(digest: Digest): Promise<boolean> {
  const response = await fetch(blobUrl(digest), { method: 'HEAD', headers: { authorization } })
  return response.ok
}
async function misses(): Promise<string> {
  const text = await (await fetch(`http://${LIMITED}:${ports.metrics}/metrics`)).text()
  return [...text.matchAll(/^spegel_mirror_miss_total\{reason="(.+)"\} ([1-9]\d*)$/gm)]
    .map(([, reason, count]) => `; ${count} misses: ${reason}`)
    .join('')
}
await phase(`advertise ${KEYS} keys`, async () => {
  await until(
    async () => !node.running || (await metric(PEER, ports, 'spegel_provider_records').catch(() => 0)) >= KEYS,
  )
  return `${await metric(PEER, ports, 'spegel_provider_records')} records at the peer`
})
await phase(`serve, ${CLIENTS} at a time`, () => megabytes(own))
await phase(`relay, ${CLIENTS} at a time`, async () => {
  // The first question makes the peer ask its containerd, which is this busy process.
  for (const digest of others) await until(async () => !node.running || (await isFound(digest)))
  return `${await megabytes(others)}${await misses()}`
})
sampling = false
await sampled
const { killed } = await group.use()
process.exitCode = killed > 0 || !node.running ? 1 : 0
