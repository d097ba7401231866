import { execFile } from 'node:child_process'
import path from 'node:path'
import { promisify } from 'node:util'
import type { Server } from './server.ts'

const execFileAsync = promisify(execFile)
const SOURCE = path.resolve(import.meta.dirname, 'drain.c')

/** A load on a server. */
export interface Load {
  readonly server: Pick<Server, 'host' | 'port'>
  readonly target: string
  readonly connections: number
  readonly requests: number
  /** Of each connection. Default: as fast as it goes. */
  readonly bytesPerSecond?: number
  /** Ends the load early. Default: 60. */
  readonly seconds?: number
  /** One more header, as it goes on the wire. */
  readonly header?: string
}

/** What came of a load. */
export interface Drained {
  readonly seconds: number
  /** Of bodies that were answered with success. */
  readonly bytes: number
  /** Answers of success whose head came. */
  readonly begun: number
  readonly completed: number
  /** Answers of any other status. */
  readonly refused: number
  /** Connections that broke. */
  readonly failed: number
  /** Connections that were still open at the end, answered or not. */
  readonly open: number
}

/** The client that makes load: it has to cost next to nothing, beside a server that shares two cores with it. */
export class Drain {
  readonly #program: string

  private constructor(program: string) {
    this.#program = program
  }

  /** Compiles the client into `directory`. Rejects where there is no C compiler. */
  static async build(directory: string): Promise<Drain> {
    const program = path.join(directory, 'drain')
    await execFileAsync('cc', ['-O2', '-o', program, SOURCE])
    return new Drain(program)
  }

  async run(load: Load, options: { readonly signal?: AbortSignal } = {}): Promise<Drained> {
    const { server, target, connections, requests, bytesPerSecond = 0, seconds = 60, header } = load
    const numbers = [connections, requests, bytesPerSecond, seconds].map(String)
    const args = [server.host, String(server.port), target, ...numbers, ...(header === undefined ? [] : [header])]
    return JSON.parse((await execFileAsync(this.#program, args, options)).stdout)
  }
}
