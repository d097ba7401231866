import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { readFile } from 'node:fs/promises'
import { connect } from 'node:net'
import { after, before, describe, test } from 'node:test'
import { CLAIMS_PATH, encodeClaim } from '../../src/coalesce/claim.ts'
import { parseDigest } from '../../src/oci/digest.ts'
import { type BurstScene, setBurstScene } from './burst-scene.ts'
import type { RegistryProcess } from './registry-process.ts'

const FLOOD_MS = 2_000
const CONNECTIONS = 16
/** Claims sent at once on a connection. */
const BATCH = 4
/** What one address may claim at once, and in a second. */
const SHARE = { atOnce: 512, perSecond: 100 }
/** How long a claim beyond that is held up. */
const HELD_SECONDS = 0.5
/** An address that the flood does not come from. */
const BYSTANDER = '127.0.0.9'
/** Far more than the places that one node may have take, and what is garbage in between. */
const MAX_GROWTH_KIB = 64 * 1024

let scene: BurstScene
before(async () => {
  scene = await setBurstScene([[], [], []])
})
after(async () => await scene[Symbol.asyncDispose]())

/** Peer id of a node, as it says when it starts. */
function peerId({ log }: RegistryProcess): string {
  const line = log.find(({ msg }) => msg === 'running Spegel')
  const id = /\/p2p\/(?<id>[A-Za-z0-9]+)/.exec(JSON.stringify(line))?.groups?.['id']
  assert.ok(id !== undefined)
  return id
}

async function residentKib({ pid }: RegistryProcess): Promise<number> {
  const status = await readFile(`/proc/${pid}/status`, 'utf8')
  return Number(/^VmRSS:\s+(?<kib>\d+) kB$/m.exec(status)?.groups?.['kib'])
}

/** A claim for content that nobody has claimed before. */
function claimOf(node: string): string {
  const digest = parseDigest(`sha256:${randomBytes(32).toString('hex')}`)
  const body = encodeClaim({ node, digest, offset: 0, lost: [], stalled: [], behind: [], redirected: true })
  return `POST ${CLAIMS_PATH} HTTP/1.1\r\nhost: node\r\ncontent-length: ${body.length}\r\n\r\n${body.toString()}`
}

/** Sends claims over one connection until the time is up; how many were answered, by outcome. */
async function flood(url: string, node: string, until: number): Promise<Map<string, number>> {
  const { hostname, port } = new URL(url)
  const socket = connect({ host: hostname, port: Number(port) })
  const outcomes = new Map<string, number>()
  socket.setEncoding('latin1')
  while (performance.now() < until) {
    socket.write(Array.from({ length: BATCH }, () => claimOf(node)).join(''))
    let text = ''
    for (let answers: readonly string[] = []; answers.length < BATCH; ) {
      const [chunk]: string[] = await once(socket, 'data')
      text += chunk
      answers = [...text.matchAll(/"outcome":"(?<outcome>[a-z]+)"\}/g)].map(([, outcome = '']) => outcome)
      if (answers.length < BATCH) continue
      for (const answer of answers) outcomes.set(answer, (outcomes.get(answer) ?? 0) + 1)
    }
  }
  socket.destroy()
  return outcomes
}

/** How long a bystander's claim takes, in milliseconds. */
async function claimOnce(url: string, node: string): Promise<number> {
  const { hostname, port } = new URL(url)
  const startedAt = performance.now()
  const socket = connect({ host: hostname, port: Number(port), localAddress: BYSTANDER }).setEncoding('latin1')
  socket.write(claimOf(node))
  let text = ''
  while (!text.includes('"outcome"')) {
    const [chunk]: string[] = await once(socket, 'data')
    text += chunk
  }
  socket.destroy()
  assert.match(text, /"outcome":"granted"/)
  return performance.now() - startedAt
}

describe('a peer that claims without end', () => {
  test('is refused and held up beyond its share, takes no memory, and keeps nobody else from claiming', async t => {
    const [coordinator, member, other] = scene.nodes
    assert.ok(coordinator !== undefined && member !== undefined && other !== undefined)
    const id = peerId(member)
    const bystander = peerId(other)
    const before = await residentKib(coordinator)
    const startedAt = performance.now()
    const until = startedAt + FLOOD_MS
    const flooding = Promise.all(Array.from({ length: CONNECTIONS }, () => flood(coordinator.url, id, until)))
    const waits: number[] = []
    while (performance.now() < until && waits.length < 500) waits.push(await claimOnce(coordinator.url, bystander))
    const counts = (await flooding).map(outcomes => [outcomes.get('granted') ?? 0, outcomes.get('refused') ?? 0])
    const [granted, refused] = [0, 1].map(index => counts.reduce((sum, count) => sum + (count[index] ?? 0), 0))
    const seconds = (performance.now() - startedAt) / 1000
    const growth = (await residentKib(coordinator)) - before
    waits.sort((a, b) => a - b)
    const [median = 0, worst = 0] = [waits[Math.floor(waits.length / 2)], waits.at(-1)]
    t.diagnostic(`${Math.round(((granted ?? 0) + (refused ?? 0)) / seconds)} claims a second, ${granted} granted`)
    t.diagnostic(`resident memory: ${before} KiB and ${growth} KiB more`)
    t.diagnostic(`a bystander waited ${median.toFixed(1)} ms (median) to ${worst.toFixed(1)} ms`)
    const share = SHARE.atOnce + SHARE.perSecond * seconds + 1
    assert.ok((granted ?? 0) <= share)
    assert.ok((refused ?? 0) > 0)
    const answered = (granted ?? 0) + (refused ?? 0)
    assert.ok(answered <= share + CONNECTIONS * (seconds / HELD_SECONDS + 1), `${answered} were answered`)
    assert.ok(growth < MAX_GROWTH_KIB, `${growth} KiB`)
  })
})
