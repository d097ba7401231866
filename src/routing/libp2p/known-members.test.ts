import assert from 'node:assert/strict'
import { mkdir, readFile, stat, writeFile } from 'node:fs/promises'
import path from 'node:path'
import { test } from 'node:test'
import { generateKeyPair } from '@libp2p/crypto/keys'
import { peerIdFromPrivateKey } from '@libp2p/peer-id'
import { ManualTime } from '../../../test/fakes/manual-time.ts'
import { MemoryLog } from '../../../test/fakes/memory-log.ts'
import { temporaryDirectory } from '../../../test/temporary-directory.ts'
import { until } from '../../../test/until.ts'
import { KnownMembers } from './known-members.ts'

async function load(dataDir: string) {
  const log = new MemoryLog()
  const clock = new ManualTime()
  const known = await KnownMembers.load({ log, clock }, dataDir)
  return { log, clock, known }
}

async function member(host: string) {
  const id = peerIdFromPrivateKey(await generateKeyPair('Ed25519')).toString()
  return { peer: { id, registry: { host, port: 5000 } }, router: { host, port: 5001 } }
}

const content = (dataDir: string) => readFile(path.join(dataDir, 'members.json'), 'utf8')

test('members are saved a minute after a change and at the end, and known at the next start', async () => {
  await using directory = await temporaryDirectory()
  const dataDir = path.join(directory.path, 'data')
  const [first, second] = [await member('10.0.0.1'), await member('fd00::2')]
  const { clock, known } = await load(dataDir)
  const stop = new AbortController()
  const running = known.run({ signal: stop.signal })
  known.note(first)
  clock.advance(59_999)
  await assert.rejects(stat(dataDir), { code: 'ENOENT' })
  clock.advance(1)
  await until(() => clock.sleeps.length === 1)
  assert.equal(await content(dataDir), `[{"ID":"${first.peer.id}","Addrs":["/ip4/10.0.0.1/tcp/5001"]}]`)
  known.note(second)
  known.note({ ...first, router: { host: '10.0.0.9', port: 5001 } })
  stop.abort()
  await running
  const again = await load(dataDir)
  assert.deepEqual(again.known.candidates(), [
    { id: second.peer.id, endpoints: [{ host: 'fd00::2', port: 5001 }] },
    { id: first.peer.id, endpoints: [{ host: '10.0.0.9', port: 5001 }] },
  ])
  assert.deepEqual(again.log.lines, [])
})

test('nothing is written where nobody joined', async () => {
  await using directory = await temporaryDirectory()
  const { known } = await load(directory.path)
  const stop = new AbortController()
  const running = known.run({ signal: stop.signal })
  stop.abort()
  await running
  await assert.rejects(content(directory.path), { code: 'ENOENT' })
})

test('of many members the sixty-four that joined last are kept', async () => {
  await using directory = await temporaryDirectory()
  const { known } = await load(directory.path)
  const members = await Promise.all(Array.from({ length: 70 }, (_, index) => member(`10.0.0.${index}`)))
  for (const each of members) known.note(each)
  assert.deepEqual(
    known.candidates().map(({ id }) => id),
    members.slice(6).map(({ peer }) => peer.id),
  )
})

for (const corrupt of ['{', '[{"ID":"x","Addrs":["/ip4/10.0.0.1/tcp/1"]}]', '<html>', 'x'.repeat(100_000)]) {
  test(`a file of ${JSON.stringify(corrupt.slice(0, 30))} is ignored, and replaced at the next change`, async () => {
    await using directory = await temporaryDirectory()
    await writeFile(path.join(directory.path, 'members.json'), corrupt)
    const { log, known } = await load(directory.path)
    assert.deepEqual(known.candidates(), [])
    assert.deepEqual(
      log.lines.map(({ level, message }) => ({ level, message })),
      [{ level: 'warn', message: 'known members are ignored' }],
    )
    known.note(await member('10.0.0.1'))
    const stop = new AbortController()
    const running = known.run({ signal: stop.signal })
    stop.abort()
    await running
    assert.equal((await load(directory.path)).known.candidates().length, 1)
  })
}

test('a file that cannot be written is a warning', async () => {
  await using directory = await temporaryDirectory()
  await mkdir(path.join(directory.path, 'members.json'))
  const { log, known } = await load(directory.path)
  known.note(await member('10.0.0.1'))
  const stop = new AbortController()
  const running = known.run({ signal: stop.signal })
  stop.abort()
  await running
  assert.deepEqual(
    log.lines.map(({ message }) => message),
    ['known members are ignored', 'known members cannot be saved'],
  )
})
