import assert from 'node:assert/strict'
import { test } from 'node:test'
import { patience } from '../../test/contracts/store-contract.ts'
import { MemoryStore } from '../../test/fakes/memory-store.ts'
import { digestOf } from '../oci/digest.ts'
import { ContentGivenUpError } from './errors.ts'
import { tail } from './tail.ts'

const content = Buffer.from('content that arrives in parts')
const digest = digestOf(content)
const HALF = 10

async function arriving(signal: AbortSignal = patience()) {
  const store = new MemoryStore()
  const download = store.begin(digest, content.length)
  const growing = await store.find(digest, { signal })
  assert.ok(growing !== undefined)
  const reader = tail(growing, { signal })
  const read = async (position: number): Promise<string> => {
    const into = Buffer.alloc(content.length)
    return into.toString('latin1', 0, await reader.read(into, position))
  }
  return { store, download, read }
}

test('what is there is read at once, what is not yet when it comes', async () => {
  const { download, read } = await arriving()
  download.append(content.subarray(0, HALF))
  assert.equal(await read(0), content.toString('latin1', 0, HALF))
  const rest = read(HALF)
  download.append(content.subarray(HALF))
  assert.equal(await rest, content.toString('latin1', HALF))
})

test('the end is where the content will end, not where it is now', async () => {
  const { download, read } = await arriving()
  download.append(content)
  assert.equal(await read(content.length), '')
  assert.equal(await read(content.length + 1), '')
})

test('one that stalls is waited for, and read on when more comes', async () => {
  const { download, read } = await arriving()
  const first = read(0)
  for (let stalls = 0; stalls < 5; stalls += 1) {
    await new Promise(resolve => setImmediate(resolve))
    download.stall()
  }
  download.append(content)
  assert.equal(await first, content.toString('latin1'))
})

test('one that stalls for very long is given up', async () => {
  const { download, read } = await arriving()
  const first = read(0)
  const rejected = assert.rejects(first, ContentGivenUpError)
  for (let stalls = 0; stalls < 100; stalls += 1) {
    await new Promise(resolve => setImmediate(resolve))
    download.stall()
  }
  await rejected
})

test('one that its writer gives up fails the read, naming where', async () => {
  const { download, read } = await arriving()
  download.append(content.subarray(0, HALF))
  const rest = read(HALF)
  download.abort()
  await assert.rejects(rest, (error: unknown) => {
    assert.ok(error instanceof ContentGivenUpError)
    assert.match(error.message, new RegExp(`at ${HALF} of ${content.length}`))
    return true
  })
})

test('one that is committed is read to its end, also where it came another way', async () => {
  const { store, download, read } = await arriving()
  const first = read(0)
  store.put(content)
  download.abort()
  assert.equal(await first, content.toString('latin1'))
})

test('content that is committed shorter than it was to be ends there', async () => {
  const { download, read } = await arriving()
  download.append(content.subarray(0, HALF))
  download.commit()
  assert.equal(await read(HALF), '')
})

test('a read ends with the reason of its signal', async () => {
  const stop = new AbortController()
  const { read } = await arriving(stop.signal)
  const first = read(0)
  const reason = new Error('the reader is gone')
  stop.abort(reason)
  await assert.rejects(first, reason)
})
