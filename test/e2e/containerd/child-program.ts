import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import process from 'node:process'

/** What a program says beyond this is forgotten, the oldest first. */
const OUTPUT_CHARACTERS = 4 * 1024 * 1024

/** A program that runs in the background. */
export class ChildProgram implements AsyncDisposable {
  readonly name: string
  readonly #child: ChildProcess
  readonly #exited: Promise<unknown>
  #output = ''

  private constructor(name: string, command: readonly string[]) {
    this.name = name
    const [program = '', ...args] = command
    // None of ours: a proxy or a flag in the environment would change what is tested.
    const env = { PATH: process.env['PATH'], HOME: '/nonexistent' }
    this.#child = spawn(program, args, { env, stdio: ['ignore', 'pipe', 'pipe'] })
    for (const stream of [this.#child.stdout, this.#child.stderr]) {
      stream?.setEncoding('utf8').on('data', (text: string) => {
        this.#output = (this.#output + text).slice(-OUTPUT_CHARACTERS)
      })
    }
    this.#exited = Promise.race([once(this.#child, 'close'), once(this.#child, 'error')])
  }

  static start(name: string, command: readonly string[]): ChildProgram {
    return new ChildProgram(name, command)
  }

  get pid(): number {
    if (this.#child.pid === undefined) throw new Error(`${this.name} did not start`)
    return this.#child.pid
  }

  get running(): boolean {
    return this.#child.exitCode === null && this.#child.signalCode === null && this.#child.pid !== undefined
  }

  /** What it wrote to standard output and standard error so far. */
  get output(): string {
    return this.#output
  }

  signal(signal: NodeJS.Signals): void {
    this.#child.kill(signal)
  }

  /** Waits for the end; the exit status, or the signal that ended it. */
  async exit(): Promise<number | string | null> {
    await this.#exited
    return this.#child.exitCode ?? this.#child.signalCode
  }

  /** Fails once it has ended without being told to. */
  assertRunning(): void {
    if (!this.running) throw new Error(`${this.name} has ended:\n${this.#output}`)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.signal('SIGKILL')
    await this.exit()
  }
}
