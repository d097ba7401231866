import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Activity, MAX_RECENT_REQUESTS } from './activity.ts'
import { createMetrics } from './metrics.ts'
import type { RequestStart } from './request-record.ts'

const start: RequestStart = {
  name: 'registry.example/app:1',
  kind: 'blob',
  method: 'GET',
  from: 'local',
  client: '10.0.0.1',
  size: () => undefined,
}

test('a request is running until its work is done, and remembered after', async () => {
  let now = 0
  const activity = new Activity({ now: () => now })
  const done = Promise.withResolvers<void>()
  const followed = activity.follow({ ...start, size: () => 7 }, async () => {
    activity.current?.attempt('10.0.0.2:5000', 'answered', 2)
    await done.promise
    now = 9
    activity.current?.sent('peer', 7)
  })
  now = 5
  assert.deepEqual(
    activity.running().map(({ outcome, ms }) => [outcome, ms]),
    [['running', 5]],
  )
  done.resolve()
  await followed
  assert.deepEqual(activity.running(), [])
  const [record] = activity.recent()
  assert.equal(record?.outcome, 'served')
  assert.equal(record?.size, 7)
  assert.deepEqual([record?.headMs, record?.ms], [9, 9])
  assert.deepEqual([...(record?.bytes ?? [])], [['peer', 7]])
  assert.deepEqual(record?.attempts, [{ peer: '10.0.0.2:5000', outcome: 'answered', atMs: 0, ms: 2 }])
})

test('a request that fails says why, and a miss is one whatever is thrown', async () => {
  const activity = new Activity()
  const broken = Object.assign(new Error('broken'), { code: 'BODY_BROKEN' })
  await assert.rejects(
    activity.follow(start, () => Promise.reject(broken)),
    broken,
  )
  const miss = async (): Promise<never> => {
    activity.current?.miss('not_found')
    throw broken
  }
  await assert.rejects(activity.follow(start, miss), broken)
  assert.deepEqual(
    activity.recent().map(({ outcome, reason }) => [outcome, reason]),
    [
      ['miss', 'not_found'],
      ['failed', 'BODY_BROKEN'],
    ],
  )
})

test('requests side by side are told apart', async () => {
  const activity = new Activity()
  const gate = Promise.withResolvers<void>()
  const each = async (bytes: number) =>
    await activity.follow({ ...start, name: String(bytes) }, async () => {
      await gate.promise
      activity.current?.sent('store', bytes)
    })
  const all = [1, 2, 3].map(each)
  gate.resolve()
  await Promise.all(all)
  for (const { name, bytes } of activity.recent()) assert.equal(bytes.get('store'), Number(name))
})

test('what is remembered is bounded, in number and in size', async () => {
  const activity = new Activity()
  for (let count = 0; count < MAX_RECENT_REQUESTS + 10; count++) {
    await activity.follow({ ...start, name: 'x'.repeat(100_000) }, async () => {
      for (let peer = 0; peer < 100; peer++) activity.current?.attempt(`10.0.0.${peer}:5000`, 'timeout', 1)
    })
  }
  const recent = activity.recent()
  assert.equal(recent.length, MAX_RECENT_REQUESTS)
  assert.equal(recent[0]?.id, MAX_RECENT_REQUESTS + 10)
  assert.equal(recent[0]?.name.length, 1024)
  assert.equal(recent[0]?.attempts.length, 16)
})

test('a flood of requests runs, though not all of them are followed', async () => {
  const activity = new Activity()
  const gate = Promise.withResolvers<void>()
  const all = Array.from({ length: 2000 }, (_, index) =>
    activity.follow(start, async () => {
      await gate.promise
      return index
    }),
  )
  assert.equal(activity.running().length, 1024)
  gate.resolve()
  assert.deepEqual(await Promise.all(all), [...all.keys()])
})

test('metrics, totals, history, peers and the request get the same numbers', async () => {
  const metrics = createMetrics()
  const { activity, traffic } = metrics
  await activity.follow({ ...start, client: '10.0.0.9' }, async () => {
    traffic.served('peer', 100, '10.0.0.2')
    traffic.served('peer', 11, '10.0.0.2')
    traffic.served('store', 5)
    traffic.uploaded(3)
    traffic.hit()
    traffic.missed('not_found')
  })
  assert.deepEqual(traffic.totals, { store: 5, peer: 111, in_progress: 0, upload: 3, hits: 1, misses: 1 })
  for (const span of ['hour', 'day'] as const) {
    const { values } = traffic.history(span)
    const sums = Object.entries(values).map(([series, column]) => [series, column.reduce((sum, each) => sum + each, 0)])
    assert.deepEqual(Object.fromEntries(sums), traffic.totals)
  }
  assert.deepEqual(traffic.peers(), [
    { host: '10.0.0.2', receivedBytes: 111, sentBytes: 0 },
    { host: '10.0.0.9', receivedBytes: 0, sentBytes: 3 },
  ])
  const { text } = await metrics.render()
  for (const line of [
    'spegel_served_bytes_total{source="peer"} 111',
    'spegel_served_bytes_total{source="store"} 5',
    'spegel_upload_bytes_total 3',
    'spegel_mirror_miss_total{reason="not_found"} 1',
  ]) {
    assert.ok(text.includes(line), line)
  }
})

test('the addresses that are remembered are bounded', () => {
  const { traffic } = createMetrics()
  for (let count = 0; count < 2000; count++) traffic.served('peer', 1, `10.0.${count >> 8}.${count & 255}`)
  assert.equal(traffic.peers().length, 1024)
  assert.equal(traffic.peers().at(-1)?.host, '10.0.7.207')
})
