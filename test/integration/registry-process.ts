import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import path from 'node:path'
import process from 'node:process'
import { setTimeout as delay } from 'node:timers/promises'
import type { Ports } from '../free-ports.ts'

const MAIN = path.resolve(import.meta.dirname, '../../src/main.ts')
const READY_POLL_MS = 20
/** A process that is not ready by then never will be. */
const READY_TIMEOUT_MS = 30_000

export interface RegistryProcessOptions {
  readonly host: string
  readonly ports: Ports
  readonly layout: string
  /** Addresses of the nodes to bootstrap with. */
  readonly peers: readonly string[]
  /** Flags beside those that the other options give. */
  readonly flags?: readonly string[]
  /** The command line that runs another one as this process, in a namespace say; default: as it is. */
  readonly within?: (command: readonly string[]) => readonly string[]
}

/** A real `spegel registry` process on an address of its own, run from the sources. */
export class RegistryProcess implements AsyncDisposable {
  readonly host: string
  /** Base URL of the registry listener. */
  readonly url: string
  /** Base URL of the metrics listener. */
  readonly metricsUrl: string
  readonly #child: ChildProcess
  readonly #exited: Promise<unknown>
  #stderr = ''

  private constructor(options: RegistryProcessOptions) {
    const { host, ports, layout, peers, flags = [], within = command => command } = options
    this.host = host
    this.url = `http://${host}:${ports.registry}`
    this.metricsUrl = `http://${host}:${ports.metrics}`
    const [program = '', ...args] = within([
      process.execPath,
      MAIN,
      'registry',
      '--store=oci-layout',
      `--oci-layout-path=${layout}`,
      `--registry-addr=${host}:${ports.registry}`,
      `--router-addr=${host}:${ports.router}`,
      `--metrics-addr=${host}:${ports.metrics}`,
      '--bootstrap-kind=static',
      '--static-bootstrap-peers',
      ...peers.map(peer => `/ip4/${peer}/tcp/${ports.router}`),
      `--basic-auth-dir=${layout}/none`,
      ...flags,
    ])
    this.#child = spawn(program, args, { env: {}, stdio: ['ignore', 'ignore', 'pipe'] })
    this.#child.stderr?.setEncoding('utf8').on('data', (text: string) => {
      this.#stderr += text
    })
    this.#exited = once(this.#child, 'close')
  }

  /** Starts a node; {@link ready} tells when it serves. */
  static start(options: RegistryProcessOptions): RegistryProcess {
    return new RegistryProcess(options)
  }

  get pid(): number {
    if (this.#child.pid === undefined) throw new Error(`the node on ${this.host} did not start`)
    return this.#child.pid
  }

  /** Whether the process is up. */
  get running(): boolean {
    return this.#child.exitCode === null && this.#child.signalCode === null
  }

  /** All complete log lines so far, parsed. */
  get log(): readonly Readonly<Record<string, unknown>>[] {
    return this.#stderr
      .split('\n')
      .slice(0, -1)
      .map(line => JSON.parse(line))
  }

  /** Waits until the node is ready, which takes a member where it has peers to bootstrap with. */
  async ready(): Promise<void> {
    const deadline = performance.now() + READY_TIMEOUT_MS
    while (this.running && performance.now() < deadline) {
      const response = await fetch(`${this.url}/readyz`).catch(() => undefined)
      await response?.body?.cancel()
      if (response?.status === 200) return
      await delay(READY_POLL_MS)
    }
    throw new Error(`the node on ${this.host} is not ready:\n${this.#stderr}`)
  }

  /** Sends a signal; after SIGSTOP the process keeps its connections, and the kernel accepts new ones, but nobody answers. */
  kill(signal: 'SIGKILL' | 'SIGTERM' | 'SIGSTOP' | 'SIGCONT'): void {
    process.kill(this.pid, signal)
  }

  /** Waits for the process to end; the exit status, or the signal that ended it. */
  async exit(): Promise<number | string | null> {
    await this.#exited
    return this.#child.exitCode ?? this.#child.signalCode
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.running) this.kill('SIGKILL')
    await this.exit()
  }
}
