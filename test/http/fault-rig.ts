import { createHook } from 'node:async_hooks'
import { readdir } from 'node:fs/promises'
import { connect } from 'node:net'
import { until } from '../until.ts'
import { get } from './raw-client.ts'

/** Timers that a process has one of each, whatever it did: of the date in answers, of an idle buffer pool, of a poll here. */
const SPARE_TIMERS = 4

/** Timers that are set, those included that keep nothing alive. */
const timers = new Set<number>()
createHook({
  init(id, type) {
    if (type === 'Timeout') timers.add(id)
  },
  destroy(id) {
    timers.delete(id)
  },
}).enable()

/** What must be left as it was found. */
export interface Resources {
  /** Open files, sockets included. */
  readonly files: number
  readonly timers: number
}

export async function countResources(): Promise<Resources> {
  return { files: (await readdir('/proc/self/fd')).length, timers: timers.size }
}

/**
 * Waits until nothing is held that was not `before`.
 * @param kept connections to peers that may be kept, with both of their ends in this process and a timer each
 */
export async function untilReleased(before: Resources, kept = 0): Promise<void> {
  await until(async () => {
    const now = await countResources()
    return now.files <= before.files + 2 * kept && now.timers <= before.timers + kept + SPARE_TIMERS
  })
}

/** A client that may hang up. */
export interface Impatience {
  readonly target: string
  readonly headers?: Readonly<Record<string, string>>
  /** Bytes of the answer, its head included, after which it hangs up. */
  readonly patience: number
  /** Hangs up with a reset. */
  readonly resets: boolean
}

/** Asks a server, and gives what came of the body. */
export async function ask(
  address: { readonly host: string; readonly port: number },
  { target, headers = {}, patience, resets }: Impatience,
): Promise<Buffer> {
  const socket = connect(address)
  const chunks: Buffer[] = []
  let received = 0
  socket.on('error', () => undefined)
  socket.on('data', chunk => {
    chunks.push(chunk)
    received += chunk.length
    if (received < patience) return
    if (resets) socket.resetAndDestroy()
    else socket.destroy()
  })
  socket.write(get(target, { ...headers, connection: 'close' }))
  await new Promise<void>(resolve => {
    socket.once('close', resolve)
  })
  const all = Buffer.concat(chunks)
  const head = all.indexOf('\r\n\r\n')
  return head < 0 ? Buffer.alloc(0) : all.subarray(head + 4)
}
