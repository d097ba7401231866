import assert from 'node:assert/strict'
import { test } from 'node:test'
import { generateKeyPair } from '@libp2p/crypto/keys'
import { peerIdFromPrivateKey } from '@libp2p/peer-id'
import { ManualClock } from '../../../test/fakes/manual-clock.ts'
import { MemoryLog } from '../../../test/fakes/memory-log.ts'
import { Background } from './background.ts'
import type { KadPeer } from './kad-message.ts'
import { type Member, MemberTable } from './members.ts'
import { RecentAskers } from './recent-askers.ts'
import { positionOf, recordKey } from './record-key.ts'
import type { RecordTarget } from './record-target.ts'
import { createHello, RecordsExchange } from './records-exchange.ts'
import { type Gone, MAX_KEYS } from './records-message.ts'
import { RecordsStream } from './records-stream.ts'

const OWN: KadPeer = { id: Uint8Array.of(1), addresses: [] }
const KEYS = Array.from({ length: 600 }, (_, index) => recordKey(`key ${index}`).bytes)

/** A records stream that notes what it is to send. */
class NotedStream extends RecordsStream {
  readonly sent: Gone[] = []

  constructor() {
    super(() => Promise.reject(new Error('not connected')), { peer: 'noted', hello: createHello(5000) })
  }

  override async gone(gone: Gone): Promise<void> {
    this.sent.push(gone)
  }
}

async function setup() {
  const log = new MemoryLog()
  const background = new Background(log)
  const members = new MemberTable()
  const clock = new ManualClock()
  const askers = new RecentAskers(clock)
  const forgotten: number[] = []
  const events: string[] = []
  const targets: RecordTarget[] = []
  const provide = {
    joined: (target: RecordTarget) => {
      targets.push(target)
      events.push(`joined ${target.kind}`)
    },
    left: ({ kind }: RecordTarget) => void events.push(`left ${kind}`),
  }
  const lookup = { forget: (_provider: Uint8Array, keys: readonly Uint8Array[]) => void forgotten.push(keys.length) }
  const own = { kadPeer: OWN }
  const checked: Member[] = []
  const keeper = { check: (member: Member) => void checked.push(member) }
  const exchange = new RecordsExchange({ log, clock, own, members, keeper, provide, lookup, askers, background })
  exchange.start()
  const join = async (records: RecordsStream | undefined) => {
    const peerId = peerIdFromPrivateKey(await generateKeyPair('Ed25519'))
    const idBytes = peerId.toMultihash().bytes
    const id = peerId.toString()
    const member = { peer: { id }, kadPeer: { id: idBytes }, position: positionOf(idBytes), records } as Member
    members.add(member)
    return { idBytes, member }
  }
  return { askers, background, checked, events, exchange, forgotten, join, members, targets }
}

test('who was told of a provider is told when it is gone, of the keys it asked for, as many at once as a message holds', async () => {
  const { askers, background, exchange, forgotten, join } = await setup()
  const [asker, stranger] = [new NotedStream(), new NotedStream()]
  const { idBytes } = await join(asker)
  await join(stranger)
  const { idBytes: plain } = await join(undefined)
  for (const key of KEYS) askers.note(key, idBytes)
  askers.note(KEYS[0] ?? OWN.id, plain)
  exchange.gone(OWN.id, [...KEYS, recordKey('never asked for').bytes])
  await background[Symbol.asyncDispose]()
  assert.deepEqual(
    asker.sent.map(({ keys }) => keys.length),
    [MAX_KEYS, KEYS.length - MAX_KEYS],
  )
  assert.deepEqual(stranger.sent, [])
  assert.deepEqual(forgotten, [KEYS.length + 1])
})

test('members are told of records by the protocol they speak, and again when they turn out to have restarted', async () => {
  const { background, events, exchange, join, members } = await setup()
  const { idBytes, member } = await join(new NotedStream())
  const { member: plain } = await join(undefined)
  for (const process of [1, 1, 2]) exchange.met(idBytes, { type: 'hello', registryPort: 5000, process })
  members.remove(plain)
  members.remove(member)
  exchange.met(idBytes, { type: 'hello', registryPort: 5000, process: 3 })
  assert.deepEqual(events, ['joined spegel', 'joined kad', 'left spegel', 'joined spegel', 'left kad', 'left spegel'])
  await background[Symbol.asyncDispose]()
})

test('a member that claims to restart over and over is not told everything each time', async () => {
  const { background, events, exchange, join } = await setup()
  const { idBytes } = await join(new NotedStream())
  for (let process = 0; process < 100; process++) exchange.met(idBytes, { type: 'hello', registryPort: 5000, process })
  assert.equal(events.filter(event => event === 'joined spegel').length, 4)
  await background[Symbol.asyncDispose]()
})

test('a member that cannot be told of records is checked', async () => {
  const { background, checked, join, targets } = await setup()
  const { member } = await join(new NotedStream())
  await assert.rejects(async () => targets[0]?.announce(KEYS.slice(0, 1), { signal: new AbortController().signal }))
  assert.deepEqual(checked, [member])
  await background[Symbol.asyncDispose]()
})

test('a member that has restarted is another target than before, which nothing is known to have been told', async () => {
  const { background, exchange, join, targets } = await setup()
  const { idBytes } = await join(new NotedStream())
  for (const process of [1, 2]) exchange.met(idBytes, { type: 'hello', registryPort: 5000, process })
  assert.equal(new Set(targets).size, 2)
  await background[Symbol.asyncDispose]()
})
