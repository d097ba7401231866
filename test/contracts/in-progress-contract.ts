import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type Digest, digestOf } from '../../src/oci/digest.ts'
import { ContentNotFoundError } from '../../src/store/errors.ts'
import type { FindOptions, GrowingBlob, InProgress } from '../../src/store/store.ts'
import { patience, readAll, type StoreFixture } from './store-contract.ts'

/** A download under way in a store under test. */
export interface FixtureDownload {
  append(chunk: Buffer): Promise<void>
  /** All content was appended: it becomes part of the store. */
  commit(): Promise<void>
  /** Drops what arrived. */
  abort(): Promise<void>
}

/** A store under test that tells what it is downloading. */
export interface InProgressFixture extends StoreFixture {
  readonly inProgress: InProgress
  begin(digest: Digest, size: number): Promise<FixtureDownload>
  /** Lets the stall time of every wait and of every download pass. */
  stall(): void
}

const CONTENT = Buffer.alloc(30_000, 'arriving ')
const DIGEST = digestOf(CONTENT)
const HALF = 15_000

/** What is found, whose size alone has to be the same. */
async function search(
  { inProgress }: InProgressFixture,
  options: Omit<FindOptions, 'signal'> = {},
): Promise<GrowingBlob | undefined> {
  const size = await inProgress.sizeOf(DIGEST, { signal: patience(), ...options })
  const found = await inProgress.find(DIGEST, { signal: patience(), ...options })
  assert.equal(size, found?.size)
  return found
}

async function find(fixture: InProgressFixture): Promise<GrowingBlob> {
  const found = await search(fixture)
  assert.ok(found !== undefined)
  return found
}

/** What every {@link InProgress} does. */
export function inProgressContract(name: string, setup: () => Promise<InProgressFixture>): void {
  test(`${name}: content that nobody downloads is not in progress, committed content neither`, async () => {
    await using fixture = await setup()
    assert.equal(await search(fixture), undefined)
    await fixture.put(CONTENT)
    assert.equal(await search(fixture), undefined)
  })

  test(`${name}: a half-written download has its final size, reads what is there, and is not yet in the store`, async () => {
    await using fixture = await setup()
    const download = await fixture.begin(DIGEST, CONTENT.length)
    await download.append(CONTENT.subarray(0, HALF))
    const growing = await find(fixture)
    assert.equal(growing.size, CONTENT.length)
    assert.ok((await readAll(growing)).equals(CONTENT.subarray(0, HALF)))
    await assert.rejects(fixture.store.describe(DIGEST, { signal: patience() }), ContentNotFoundError)
    await assert.rejects(fixture.store.open(DIGEST, { signal: patience() }), ContentNotFoundError)
    await growing.close()
    await download.abort()
  })

  test(`${name}: a wait ends at once where there is content past the position, else when some arrives`, async () => {
    await using fixture = await setup()
    const download = await fixture.begin(DIGEST, CONTENT.length)
    const growing = await find(fixture)
    const firstByte = growing.waitPast(0, { signal: patience() })
    await download.append(CONTENT.subarray(0, HALF))
    assert.equal(await firstByte, 'grown')
    assert.equal(await growing.waitPast(HALF - 1, { signal: patience() }), 'grown')
    const more = growing.waitPast(HALF, { signal: patience() })
    await download.append(CONTENT.subarray(HALF))
    assert.equal(await more, 'grown')
    assert.ok((await readAll(growing)).equals(CONTENT))
    await growing.close()
    await download.abort()
  })

  test(`${name}: a commit ends a wait with all bytes readable, and the content is in the store`, async () => {
    await using fixture = await setup()
    const download = await fixture.begin(DIGEST, CONTENT.length)
    await download.append(CONTENT)
    const growing = await find(fixture)
    const committed = growing.waitPast(CONTENT.length, { signal: patience() })
    await download.commit()
    assert.equal(await committed, 'committed')
    assert.equal(await growing.waitPast(0, { signal: patience() }), 'committed')
    assert.ok((await readAll(growing)).equals(CONTENT))
    await growing.close()
    assert.equal((await fixture.store.describe(DIGEST, { signal: patience() })).size, CONTENT.length)
    assert.equal(await search(fixture), undefined)
  })

  test(`${name}: content that comes complete from elsewhere ends a wait as committed, with all bytes readable`, async () => {
    await using fixture = await setup()
    const download = await fixture.begin(DIGEST, CONTENT.length)
    await download.append(CONTENT.subarray(0, HALF))
    const growing = await find(fixture)
    const waited = growing.waitPast(HALF, { signal: patience() })
    await fixture.put(CONTENT)
    await download.abort()
    assert.equal(await waited, 'committed')
    assert.ok((await readAll(growing)).equals(CONTENT))
    await growing.close()
  })

  test(`${name}: a download that is given up ends a wait as aborted and is no longer found`, async () => {
    await using fixture = await setup()
    const download = await fixture.begin(DIGEST, CONTENT.length)
    await download.append(CONTENT.subarray(0, HALF))
    const growing = await find(fixture)
    const waited = growing.waitPast(HALF, { signal: patience() })
    await download.abort()
    assert.equal(await waited, 'aborted')
    await growing.close()
    assert.equal(await search(fixture), undefined)
  })

  test(`${name}: a download to which nothing comes for the stall time ends a wait as stalled, and may go on`, async () => {
    await using fixture = await setup()
    const download = await fixture.begin(DIGEST, CONTENT.length)
    const growing = await find(fixture)
    const waited = growing.waitPast(0, { signal: patience() })
    fixture.stall()
    assert.equal(await waited, 'stalled')
    await download.append(CONTENT)
    assert.equal(await growing.waitPast(0, { signal: patience() }), 'grown')
    await growing.close()
    await download.abort()
  })

  test(`${name}: a download to which nothing came for the stall time is found again only once something comes`, async () => {
    await using fixture = await setup()
    const download = await fixture.begin(DIGEST, CONTENT.length)
    await download.append(CONTENT.subarray(0, HALF))
    fixture.stall()
    assert.equal(await search(fixture), undefined)
    await download.append(CONTENT.subarray(HALF))
    const growing = await find(fixture)
    assert.ok((await readAll(growing)).equals(CONTENT))
    await growing.close()
    await download.abort()
  })

  test(`${name}: a download to which nothing came for the stall time is found by who knows that it is waited for`, async () => {
    await using fixture = await setup()
    const download = await fixture.begin(DIGEST, CONTENT.length)
    await download.append(CONTENT.subarray(0, HALF))
    fixture.stall()
    const growing = await search(fixture, { evenStalled: true })
    assert.ok(growing !== undefined)
    assert.ok((await readAll(growing)).equals(CONTENT.subarray(0, HALF)))
    const more = growing.waitPast(HALF, { signal: patience() })
    await download.append(CONTENT.subarray(HALF))
    assert.equal(await more, 'grown')
    await growing.close()
    await download.abort()
  })

  test(`${name}: a download to which nothing came for the stall time is found by who asks for what follows it`, async () => {
    await using fixture = await setup()
    const download = await fixture.begin(DIGEST, CONTENT.length)
    await download.append(CONTENT.subarray(0, HALF))
    fixture.stall()
    const find = (awaitedFrom: number) => search(fixture, { awaitedFrom })
    assert.deepEqual([await find(0), await find(HALF - 1), await find(HALF + 1)], [undefined, undefined, undefined])
    const growing = await find(HALF)
    assert.ok(growing !== undefined)
    assert.ok((await readAll(growing)).equals(CONTENT.subarray(0, HALF)))
    await growing.close()
    await download.abort()
  })

  test(`${name}: several follow one download, and one that closes leaves the others be`, async () => {
    await using fixture = await setup()
    const download = await fixture.begin(DIGEST, CONTENT.length)
    const [leaver, ...followers] = await Promise.all([find(fixture), find(fixture), find(fixture)])
    await leaver.close()
    const first = followers.map(follower => follower.waitPast(0, { signal: patience() }))
    await download.append(CONTENT)
    assert.deepEqual(await Promise.all(first), ['grown', 'grown'])
    const last = followers.map(follower => follower.waitPast(CONTENT.length, { signal: patience() }))
    await download.commit()
    assert.deepEqual(await Promise.all(last), ['committed', 'committed'])
    for (const follower of followers) {
      assert.ok((await readAll(follower)).equals(CONTENT))
      await follower.close()
      await follower.close()
    }
  })

  test(`${name}: a search whose signal is aborted rejects with the signal's reason`, async () => {
    await using fixture = await setup()
    const reason = new Error('given up')
    const signal = AbortSignal.abort(reason)
    await assert.rejects(fixture.inProgress.find(DIGEST, { signal }), reason)
    await assert.rejects(fixture.inProgress.sizeOf(DIGEST, { signal }), reason)
  })

  test(`${name}: a wait whose signal aborts rejects with the signal's reason`, async () => {
    await using fixture = await setup()
    const download = await fixture.begin(DIGEST, CONTENT.length)
    const growing = await find(fixture)
    const reason = new Error('given up')
    const stop = new AbortController()
    const waited = growing.waitPast(0, { signal: stop.signal })
    stop.abort(reason)
    await assert.rejects(waited, reason)
    await growing.close()
    await download.abort()
  })
}
