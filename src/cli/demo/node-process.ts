import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { setTimeout } from 'node:timers/promises'
import { formatHostPort } from '../../http/host-port.ts'
import { Exchange } from '../pull/exchange.ts'
import type { NodeAddresses } from './addresses.ts'
import { NodeFailedError } from './errors.ts'

/** Longest wait for a node to be ready; with many nodes on few cores they wait for each other. */
const READY_TIMEOUT_MS = 60_000
const READY_POLL_MS = 50
/** How long a node may take to end by itself. */
const STOP_TIMEOUT_MS = 3000
/** How much of a node's stderr is kept, to tell why it ended. */
const MAX_LAST_WORDS_CHARACTERS = 2000

export interface NodeOptions {
  /** The image layout that the node serves. */
  readonly layout: string
  readonly addresses: NodeAddresses
  /** The other nodes. */
  readonly peers: readonly NodeAddresses[]
  /** Called once where the node ends without having been stopped. */
  readonly onFailure: (error: NodeFailedError) => void
}

/** A node of the demo: a real `spegel registry` process. */
export class NodeProcess implements AsyncDisposable {
  /** Where its registry listens, as the result names it. */
  readonly name: string
  readonly metricsUrl: string
  readonly layout: string
  readonly #child: ChildProcess
  #lastWords = ''
  #stopping = false

  /**
   * Starts the node.
   * @param command what runs this program: the interpreter, its options and the script
   */
  constructor(command: readonly [string, ...string[]], options: NodeOptions) {
    const { addresses, layout, peers } = options
    this.name = formatHostPort(addresses.registry)
    this.metricsUrl = `http://${formatHostPort(addresses.metrics)}/metrics`
    this.layout = layout
    const [executable, ...prefix] = command
    this.#child = spawn(executable, [...prefix, ...registryArguments(addresses, layout, peers)], {
      // The caller's REGISTRY_ADDR and the like are not meant for the nodes.
      env: { PATH: process.env['PATH'], NODE_OPTIONS: process.env['NODE_OPTIONS'] },
      stdio: ['ignore', 'ignore', 'pipe'],
    })
    this.#child.stderr?.setEncoding('utf8').on('data', (text: string) => {
      this.#lastWords = (this.#lastWords + text).slice(-MAX_LAST_WORDS_CHARACTERS)
    })
    const fail = (reason: string, lastWords = ''): void => {
      if (!this.#stopping) options.onFailure(new NodeFailedError(this.name, reason, lastWords))
    }
    this.#child.once('error', error => fail(`could not be started (${error.message})`))
    this.#child.once('close', (code, signal) => {
      if (signal === null) fail(`ended with status ${code}`, this.#lastLine())
      else fail(`was ended by ${signal}`)
    })
  }

  /** Resolves when the node says that it can serve. */
  async ready(options: { readonly signal: AbortSignal }): Promise<void> {
    const deadline = performance.now() + READY_TIMEOUT_MS
    while (!(await this.#answersReady(options.signal))) {
      if (performance.now() > deadline) throw new NodeFailedError(this.name, 'did not get ready', this.#lastLine())
      await setTimeout(READY_POLL_MS, undefined, options)
    }
  }

  async #answersReady(signal: AbortSignal): Promise<boolean> {
    try {
      const url = new URL(`http://${this.name}/readyz`)
      await using exchange = await Exchange.open(url, { method: 'GET', headers: {}, signal })
      return exchange.status === 200
    } catch {
      signal.throwIfAborted()
      return false
    }
  }

  /** Ends the node at once. */
  kill(): void {
    this.#child.kill('SIGKILL')
  }

  /** Asks the node to end, then makes it. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#stopping = true
    if (this.#child.pid === undefined || this.#child.exitCode !== null || this.#child.signalCode !== null) return
    const ended = once(this.#child, 'exit')
    this.#child.kill('SIGTERM')
    const timer = globalThis.setTimeout(() => this.kill(), STOP_TIMEOUT_MS)
    await ended
    clearTimeout(timer)
  }

  #lastLine(): string {
    return this.#lastWords.trimEnd().split('\n').at(-1) ?? ''
  }
}

function registryArguments(
  addresses: NodeAddresses,
  layout: string,
  peers: readonly NodeAddresses[],
): readonly string[] {
  return [
    'registry',
    '--store=oci-layout',
    `--oci-layout-path=${layout}`,
    `--registry-addr=${formatHostPort(addresses.registry)}`,
    `--router-addr=${formatHostPort(addresses.router)}`,
    `--metrics-addr=${formatHostPort(addresses.metrics)}`,
    '--bootstrap-kind=static',
    '--static-bootstrap-peers',
    ...peers.map(({ router }) => `/ip4/${router.host}/tcp/${router.port}`),
    // Credentials of a real installation are none of the demo's business.
    `--basic-auth-dir=${layout}/no-credentials`,
  ]
}

/** What runs this program, to be run again: from the sources and from the bundle alike. */
export function ownCommand(): readonly [string, ...string[]] {
  const [, script = ''] = process.argv
  return [process.execPath, ...process.execArgv, script]
}
