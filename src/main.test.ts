import assert from 'node:assert/strict'
import { type ChildProcessByStdio, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { get } from 'node:http'
import { tmpdir } from 'node:os'
import path from 'node:path'
import type { Readable } from 'node:stream'
import { after, test } from 'node:test'
import { freePorts } from '../test/free-ports.ts'
import { makeImage } from './cli/demo/make-image.ts'
import { readSourceImage } from './cli/demo/source-image.ts'

const layout = await mkdtemp(path.join(tmpdir(), 'spegel-main-test-'))
after(() => rm(layout, { recursive: true, force: true }))

/** The program, as a process of its own. */
class Program implements AsyncDisposable {
  readonly #child: ChildProcessByStdio<null, Readable, Readable>
  readonly #closed: Promise<unknown>
  stdout = ''
  stderr = ''

  constructor(args: readonly string[], preload = '') {
    const main = path.join(import.meta.dirname, 'main.ts')
    const options = ['--import', `data:text/javascript,${encodeURIComponent(preload)}`]
    this.#child = spawn(process.execPath, [...options, main, ...args], { stdio: ['ignore', 'pipe', 'pipe'] })
    this.#child.stdout.setEncoding('utf8').on('data', (text: string) => (this.stdout += text))
    this.#child.stderr.setEncoding('utf8').on('data', (text: string) => (this.stderr += text))
    this.#closed = once(this.#child, 'close')
  }

  signal(name: NodeJS.Signals): void {
    this.#child.kill(name)
  }

  async status(): Promise<number | null> {
    await this.#closed
    return this.#child.exitCode
  }

  /** The log line with `message`, once it is written. */
  async logged(message: string): Promise<Readonly<Record<string, unknown>>> {
    for (;;) {
      const line = this.stderr.split('\n').find(line => line.includes(`"msg":"${message}"`))
      if (line !== undefined) return JSON.parse(line) as Readonly<Record<string, unknown>>
      await Promise.race([once(this.#child.stderr, 'data'), this.#closed])
      assert.equal(this.#child.exitCode, null, this.stderr)
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#child.kill('SIGKILL')
    await this.#closed
  }
}

/** A daemon on ports of the system's choice. */
function daemon(preload?: string): Program {
  const addresses = ['--registry-addr', '--router-addr', '--metrics-addr'].map(flag => `${flag}=127.0.0.1:0`)
  const store = ['--store=oci-layout', `--oci-layout-path=${layout}`, '--bootstrap-kind=static']
  return new Program(['registry', ...store, ...addresses], preload)
}

test('the exit status tells success from misuse', async () => {
  await using good = new Program(['--version'])
  await using misused = new Program(['version', '--format=xml'])
  assert.equal(await good.status(), 0)
  assert.match(good.stdout, /^spegel \d+\.\d+\.\d+\n$/)
  assert.equal(await misused.status(), 2)
  assert.equal(misused.stderr, 'spegel: --format "xml": want text or json\n')
})

test('a failure at run time is one line of the log, and status 1', async () => {
  const { registry: port } = await freePorts()
  await using program = new Program([
    'demo',
    '--once',
    `--image=${path.join(layout, 'missing')}`,
    `--base-port=${port}`,
  ])
  assert.equal(await program.status(), 1)
  const [line = '', ...others] = program.stderr.trimEnd().split('\n')
  assert.deepEqual(others, [])
  const { level, msg, error } = JSON.parse(line) as { level: string; msg: string; error: { code: string } }
  assert.deepEqual([level, msg, error.code], ['ERROR', 'spegel demo failed', 'DEMO_IMAGE'])
})

test('an old Node is told apart in one line', async () => {
  const preload = `Object.defineProperty(process, 'versions', { value: { node: '20.19.0' } })`
  await using program = new Program(['--version'], preload)
  assert.equal(await program.status(), 1)
  assert.equal(program.stdout, '')
  assert.match(program.stderr, /^spegel needs Node\.js 24 or newer, this is v[\d.]+\n$/)
})

for (const name of ['SIGTERM', 'SIGINT'] as const) {
  test(`${name} ends the daemon with status 0`, async () => {
    await using program = daemon()
    await program.logged('running Spegel')
    program.signal(name)
    assert.equal(await program.status(), 0)
    assert.equal(program.stdout, '')
  })
}

test('a second signal does not wait for transfers', async () => {
  await makeImage(layout, [50_000_000])
  const { content } = await readSourceImage(layout, { os: 'linux', architecture: 'amd64' })
  await using program = daemon()
  const { registry } = await program.logged('running Spegel')
  const blob = `/v2/demo/hello/blobs/${content.at(-1)?.digest}?ns=registry.example`
  const request = get(`http://${String(registry)}${blob}`)
  request.on('error', () => undefined)
  // Nothing reads the body, so the transfer can't end.
  request.on('response', response => response.pause())
  await once(request, 'response')
  const broken = once(request, 'close')
  program.signal('SIGTERM')
  await program.logged('shutting down')
  program.signal('SIGTERM')
  assert.equal(await program.status(), 143)
  request.destroy()
  await broken
})

test('a rejection that nobody handles is logged and ends the process', async () => {
  await using program = daemon(`process.on('SIGUSR2', () => Promise.reject(new Error('lost')))`)
  await program.logged('running Spegel')
  program.signal('SIGUSR2')
  assert.equal(await program.status(), 1)
  assert.match(program.stderr, /"message":"lost".*"msg":"unexpected failure"/)
})
