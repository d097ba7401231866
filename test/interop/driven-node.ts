import { type ChildProcessByStdio, spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import type { Readable, Writable } from 'node:stream'

/** A node as others can join it. */
export interface Identity {
  readonly peer: string
  /** With the peer id. */
  readonly multiaddrs: readonly string[]
}

/** A holder of a key. */
export interface Holder {
  readonly peer: string
  /** IP addresses at which its registry is asked. */
  readonly hosts: readonly string[]
}

interface Response {
  readonly id: number
  readonly result?: unknown
  readonly error?: string
}

/** Of what the node prints beside answers, for the message of a failure. */
const KEPT_CHARACTERS = 4000

/** A node of any implementation in a process of its own, driven by JSON lines. */
export class DrivenNode implements AsyncDisposable {
  readonly #child: ChildProcessByStdio<Writable, Readable, Readable>
  readonly #exited: Promise<unknown>
  readonly #waiting = new Map<number, PromiseWithResolvers<unknown>>()
  #requests = 0
  #printed = ''

  private constructor([program = '', ...args]: readonly string[]) {
    this.#child = spawn(program, args, { stdio: ['pipe', 'pipe', 'pipe'] })
    this.#exited = once(this.#child, 'close').finally(() => this.#fail())
    this.#exited.catch(() => {})
    this.#child.stdin.on('error', () => {})
    this.#child.stderr.setEncoding('utf8').on('data', (text: string) => this.#note(text))
    createInterface({ input: this.#child.stdout }).on('line', line => {
      if (line.startsWith('{')) this.#answer(JSON.parse(line))
      else this.#note(`${line}\n`)
    })
  }

  /** Starts `command`, which has to answer requests; resolves when it answers the first. */
  static async start(command: readonly string[]): Promise<DrivenNode> {
    const node = new DrivenNode(command)
    try {
      await node.identity()
    } catch (error) {
      await node[Symbol.asyncDispose]()
      throw error
    }
    return node
  }

  get pid(): number {
    if (this.#child.pid === undefined) throw new Error('the node did not start')
    return this.#child.pid
  }

  async identity(): Promise<Identity> {
    return (await this.#request('identity')) as Identity
  }

  /** Connects to the node at each of `multiaddrs`. */
  async join(multiaddrs: readonly string[]): Promise<void> {
    await this.#request('join', multiaddrs)
  }

  async provide(keys: readonly string[]): Promise<void> {
    await this.#request('provide', keys)
  }

  async withdraw(keys: readonly string[]): Promise<void> {
    await this.#request('withdraw', keys)
  }

  /** The holders of each of `keys`, in their order. */
  async find(keys: readonly string[]): Promise<readonly (readonly Holder[])[]> {
    return (await this.#request('find', keys)) as readonly (readonly Holder[])[]
  }

  /** Peer ids of the routing table. */
  async members(): Promise<readonly string[]> {
    return (await this.#request('members')) as readonly string[]
  }

  /** Looks for `keys` one after the other. @returns milliseconds until a holder of each was known, or that there is none */
  async measure(keys: readonly string[]): Promise<readonly number[]> {
    return (await this.#request('measure', keys)) as readonly number[]
  }

  /** @throws what the node answers as an error, and what it printed where it has ended. */
  async #request(method: string, params: readonly string[] = []): Promise<unknown> {
    const id = ++this.#requests
    const waiting = Promise.withResolvers<unknown>()
    this.#waiting.set(id, waiting)
    if (this.#child.exitCode === null && this.#child.signalCode === null) {
      this.#child.stdin.write(`${JSON.stringify({ id, method, params })}\n`)
    } else this.#fail()
    return waiting.promise
  }

  /** Ends the process as a crash would. */
  async kill(): Promise<void> {
    this.#child.kill('SIGKILL')
    await this.#exited
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.kill().catch(() => {})
  }

  #note(text: string): void {
    this.#printed = (this.#printed + text).slice(-KEPT_CHARACTERS)
  }

  #answer({ id, result, error }: Response): void {
    const waiting = this.#waiting.get(id)
    this.#waiting.delete(id)
    if (error === undefined) waiting?.resolve(result)
    else waiting?.reject(new Error(error))
  }

  #fail(): void {
    for (const { reject } of this.#waiting.values()) reject(new Error(`the node has ended: ${this.#printed}`))
    this.#waiting.clear()
  }
}
