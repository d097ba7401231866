/**
 * Claims content that nobody has claimed before, at a rate, for some seconds: `claim-driver.ts <url> <peer id> <claims a
 * second> <seconds> <connections>`. Prints one line of JSON, a {@link DriverReport}.
 */
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import process from 'node:process'
import { setTimeout as delay } from 'node:timers/promises'
import { CLAIMS_PATH, encodeClaim } from '../../src/coalesce/claim.ts'
import { parseDigest } from '../../src/oci/digest.ts'
import { quantile } from '../statistics.ts'

export interface DriverReport {
  readonly sent: number
  readonly unanswered: number
  /** Connections that the other side ended. */
  readonly hangUps: number
  /** Answers by their outcome, or their status where they have none. */
  readonly answers: Readonly<Record<string, number>>
  readonly seconds: number
  /** From a claim to its answer, in milliseconds. */
  readonly waitMs: { readonly p50: number; readonly p99: number; readonly most: number }
}

const TICK_MS = 10
/** Claims without an answer that a connection may have; beyond that it waits for some. */
const MAX_PENDING = 200
/** How long answers are waited for in the end. */
const PATIENCE_MS = 5_000

const [url = '', node = '', ...numbers] = process.argv.slice(2)
const [perSecond = 0, seconds = 0, connections = 0] = numbers.map(Number)
const answers: Record<string, number> = {}
const waits: number[] = []
let sent = 0
let unanswered = 0
let hangUps = 0

function claim(): string {
  const digest = parseDigest(`sha256:${randomBytes(32).toString('hex')}`)
  const body = encodeClaim({ node, digest, offset: 0, lost: [], stalled: [], behind: [], redirected: true })
  return `POST ${CLAIMS_PATH} HTTP/1.1\r\nhost: node\r\nx-spegel-mirrored: true\r\ncontent-type: application/json\r\ncontent-length: ${body.length}\r\n\r\n${body.toString()}`
}

/** Counts answers as they come, in order. */
function readAnswers(socket: Socket, pending: number[]): void {
  let text = ''
  socket.setEncoding('latin1').on('data', (chunk: string) => {
    text += chunk
    for (;;) {
      const end = text.indexOf('\r\n\r\n')
      const head = text.slice(0, end)
      const length = end + 4 + Number(/^content-length: (\d+)$/im.exec(head)?.[1] ?? 0)
      if (end === -1 || text.length < length) return
      const answer = text.slice(0, length)
      text = text.slice(length)
      const outcome = /"outcome":"([a-z]+)"/.exec(answer)?.[1] ?? head.slice('HTTP/1.1 '.length, 'HTTP/1.1 200'.length)
      answers[outcome] = (answers[outcome] ?? 0) + 1
      waits.push(performance.now() - (pending.shift() ?? Number.NaN))
    }
  })
}

/** A connection, and when each of its claims that has no answer was sent. */
interface Line {
  readonly socket: Socket
  readonly pending: number[]
}

async function dial(): Promise<Line> {
  const { hostname, port } = new URL(url)
  const socket = connect({ host: hostname, port: Number(port), noDelay: true })
  socket.on('error', () => socket.destroy())
  const pending: number[] = []
  readAnswers(socket, pending)
  await Promise.race([once(socket, 'connect'), once(socket, 'close')])
  return { socket, pending }
}

/** Claims its share, and connects anew whenever it is hung up on. */
async function drive(until: number): Promise<void> {
  let line = await dial()
  const startedAt = performance.now()
  for (let done = 0, now = startedAt; now < until; now = performance.now()) {
    if (line.socket.destroyed) {
      hangUps += 1
      unanswered += line.pending.length
      line = await dial()
    }
    const due = Math.floor(((now - startedAt) / 1000) * (perSecond / connections)) - done
    const count = Math.min(due, MAX_PENDING - line.pending.length)
    if (count > 0) {
      line.pending.push(...Array.from({ length: count }, () => now))
      line.socket.write(Array.from({ length: count }, claim).join(''))
      done += count
      sent += count
    }
    await delay(TICK_MS)
  }
  const deadline = performance.now() + PATIENCE_MS
  while (line.pending.length > 0 && !line.socket.destroyed && performance.now() < deadline) await delay(TICK_MS)
  unanswered += line.pending.length
  line.socket.destroy()
}

const startedAt = performance.now()
const end = startedAt + seconds * 1000
await Promise.all(Array.from({ length: connections }, () => drive(end)))
const report: DriverReport = {
  sent,
  unanswered,
  hangUps,
  answers,
  seconds: (performance.now() - startedAt) / 1000,
  waitMs: { p50: quantile(waits, 0.5), p99: quantile(waits, 0.99), most: Math.max(...waits.slice(-100_000)) },
}
process.stdout.write(`${JSON.stringify(report)}\n`)
