import path from 'node:path'
import process from 'node:process'
import { run } from '../e2e/program.ts'
import type { TestHost } from './network.ts'

const PROGRAM = path.join(import.meta.dirname, 'probe-node.ts')

/** A request to send. */
export interface Probe {
  readonly url: string
  readonly method?: string
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: string
}

export interface ProbeAnswer {
  readonly url: string
  readonly method: string
  readonly status: number
  readonly bytes: number
  /** Of the body, in hexadecimal. */
  readonly sha256: string
  /** Headers and the first 64 KiB of the body. */
  readonly text: string
}

export interface ProbeResult {
  readonly answers: readonly ProbeAnswer[]
  /** What a dial without a key and one with another key ended with. */
  readonly dials: readonly string[]
}

/** Asks from `host`, where nothing but the network is shared with the nodes. */
export async function probe(
  host: TestHost,
  what: { readonly requests: readonly Probe[]; readonly dial?: string },
): Promise<ProbeResult> {
  const [program = '', ...args] = host.within([process.execPath, PROGRAM, JSON.stringify(what)])
  return JSON.parse(await run(program, args))
}
