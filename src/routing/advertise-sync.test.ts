import assert from 'node:assert/strict'
import { EventEmitter, on } from 'node:events'
import { test } from 'node:test'
import { ManualTime } from '../../test/fakes/manual-time.ts'
import { MemoryLog } from '../../test/fakes/memory-log.ts'
import { until } from '../../test/until.ts'
import { createMetrics } from '../observability/metrics.ts'
import { digestOf } from '../oci/digest.ts'
import type { StoreEntry, StoreEvent } from '../store/watcher.ts'
import { AdvertiseSync } from './advertise-sync.ts'

const IMAGE = digestOf(Buffer.from('image'))
const LAYER = digestOf(Buffer.from('layer'))

function tag(registry: string, name = 'v1'): StoreEntry {
  return { kind: 'tag', reference: { kind: 'tag', registry, repository: 'team/app', tag: name }, digest: IMAGE }
}
function image(registry: string): StoreEntry {
  return { kind: 'image', registry, digest: IMAGE }
}
function layer(registry: string): StoreEntry {
  return { kind: 'content', registry, digest: LAYER }
}

/** A sync under way, with a store that says what the test says and a router that notes what it is told. */
function setup() {
  const store = new EventEmitter()
  const advertised = new Set<string>()
  const calls: string[] = []
  const failures: Error[] = []
  const fail = (): void => {
    const failure = failures.shift()
    if (failure !== undefined) throw failure
  }
  const components = {
    log: new MemoryLog(),
    metrics: createMetrics(),
    clock: new ManualTime(),
    watcher: {
      async *watch({ signal }: { signal: AbortSignal }): AsyncGenerator<StoreEvent> {
        try {
          for await (const [event] of on(store, 'event', { signal })) yield event
        } catch (error) {
          if (!signal.aborted) throw error
        }
      },
    },
    router: {
      async *lookup() {},
      async advertise(keys: readonly string[]) {
        calls.push(`advertise ${keys.toSorted().join(' ')}`)
        fail()
        for (const key of keys) advertised.add(key)
      },
      async withdraw(keys: readonly string[]) {
        calls.push(`withdraw ${keys.toSorted().join(' ')}`)
        fail()
        for (const key of keys) advertised.delete(key)
      },
      ready: () => true,
    },
  }
  const stop = new AbortController()
  const sync = new AdvertiseSync(components)
  const running = sync.run({ signal: stop.signal })
  const tell = (type: StoreEvent['type'], ...entries: readonly StoreEntry[]): void => {
    store.emit('event', { type, entries } satisfies StoreEvent)
  }
  /** The advertised keys, once there are as many. */
  const keys = async (count: number): Promise<readonly string[]> => {
    await until(() => advertised.size === count)
    return [...advertised].toSorted()
  }
  return {
    ...components,
    calls,
    failures,
    keys,
    running,
    store,
    sync,
    tell,
    /** The gauges' lines, sorted. */
    async gauges(): Promise<readonly string[]> {
      const { text } = await components.metrics.render()
      return text
        .split('\n')
        .filter(line => line.startsWith('spegel_advertised_'))
        .map(line => line.replace('spegel_advertised_', ''))
        .toSorted()
    },
    async [Symbol.asyncDispose]() {
      stop.abort()
      await running
    },
  }
}

test('a tag is advertised by its name, images and content by their digests', async () => {
  await using sync = setup()
  sync.tell('snapshot', tag('docker.io'), image('docker.io'), layer('docker.io'), layer(''))
  assert.deepEqual(await sync.keys(3), ['docker.io/team/app:v1', IMAGE, LAYER].toSorted())
  assert.deepEqual(sync.calls, [`advertise ${['docker.io/team/app:v1', IMAGE, LAYER].toSorted().join(' ')}`])
})

test('what is added later is advertised, what is removed is withdrawn', async () => {
  await using sync = setup()
  sync.tell('snapshot', tag('docker.io'))
  await sync.keys(1)
  sync.tell('added', tag('docker.io', 'v2'), layer('docker.io'))
  await sync.keys(3)
  sync.tell('removed', tag('docker.io'), layer('docker.io'))
  assert.deepEqual(await sync.keys(1), ['docker.io/team/app:v2'])
})

test('a later snapshot is told as what differs from the earlier', async () => {
  await using sync = setup()
  sync.tell('snapshot', tag('docker.io'), layer('docker.io'))
  await sync.keys(2)
  sync.tell('snapshot', image('docker.io'), layer('docker.io'))
  await until(() => sync.calls.length === 3)
  assert.deepEqual(sync.calls.slice(1), ['withdraw docker.io/team/app:v1', `advertise ${IMAGE}`])
})

test('a digest that several entries use is withdrawn with the last of them', async () => {
  await using sync = setup()
  sync.tell('snapshot', layer('docker.io'), layer('ghcr.io'), { ...image('docker.io'), digest: LAYER })
  await sync.keys(1)
  sync.tell('removed', layer('docker.io'))
  sync.tell('removed', { ...image('docker.io'), digest: LAYER })
  sync.tell('added', tag('docker.io'))
  assert.deepEqual(await sync.keys(2), ['docker.io/team/app:v1', LAYER].toSorted())
  sync.tell('removed', layer('ghcr.io'))
  assert.deepEqual(await sync.keys(1), ['docker.io/team/app:v1'])
})

test('a tag that moves stays advertised', async () => {
  await using sync = setup()
  sync.tell('snapshot', tag('docker.io'))
  await sync.keys(1)
  sync.tell('removed', tag('docker.io'))
  sync.tell('added', { ...tag('docker.io'), digest: LAYER })
  sync.tell('added', layer('docker.io'))
  assert.deepEqual(await sync.keys(2), ['docker.io/team/app:v1', LAYER].toSorted())
})

test('a digest whose registry changes is never withdrawn', async () => {
  await using sync = setup()
  sync.tell('snapshot', layer(''))
  await sync.keys(1)
  sync.tell('removed', layer(''))
  sync.tell('added', layer('docker.io'), tag('docker.io'))
  await sync.keys(2)
  assert.ok(sync.calls.every(call => !call.startsWith('withdraw')))
})

test('excluded content is withdrawn with the tags that name it, and not counted, until it is included again', async () => {
  await using sync = setup()
  sync.tell('snapshot', tag('docker.io'), image('docker.io'), layer('docker.io'))
  await sync.keys(3)
  sync.sync.exclude(IMAGE)
  sync.sync.exclude(IMAGE)
  assert.deepEqual(await sync.keys(1), [LAYER])
  sync.tell('added', tag('docker.io', 'v2'))
  sync.tell('removed', tag('docker.io'))
  assert.deepEqual(await sync.gauges(), [
    'content_digests{registry="docker.io"} 1',
    'image_digests{registry="docker.io"} 0',
    'image_tags{registry="docker.io"} 0',
  ])
  sync.sync.include(IMAGE)
  assert.deepEqual(await sync.keys(3), ['docker.io/team/app:v2', IMAGE, LAYER].toSorted())
  assert.deepEqual(await sync.gauges(), [
    'content_digests{registry="docker.io"} 1',
    'image_digests{registry="docker.io"} 1',
    'image_tags{registry="docker.io"} 1',
  ])
})

test('the gauges count entries by registry, and fall to zero with the last', async () => {
  await using sync = setup()
  sync.tell('snapshot', tag('docker.io'), tag('docker.io', 'v2'), tag('ghcr.io'), image('docker.io'), layer('ghcr.io'))
  await sync.keys(5)
  assert.deepEqual(await sync.gauges(), [
    'content_digests{registry="ghcr.io"} 1',
    'image_digests{registry="docker.io"} 1',
    'image_tags{registry="docker.io"} 2',
    'image_tags{registry="ghcr.io"} 1',
  ])
  sync.tell('snapshot', tag('docker.io'))
  await sync.keys(1)
  assert.deepEqual(await sync.gauges(), [
    'content_digests{registry="ghcr.io"} 0',
    'image_digests{registry="docker.io"} 0',
    'image_tags{registry="docker.io"} 1',
    'image_tags{registry="ghcr.io"} 0',
  ])
})

test('a router that fails is logged and told again after growing waits, with what changed meanwhile', async () => {
  await using sync = setup()
  sync.failures.push(new Error('first'), new Error('second'))
  sync.tell('snapshot', tag('docker.io'))
  await until(() => sync.clock.sleeps.length === 1)
  assert.deepEqual(sync.clock.sleeps, [1000])
  sync.clock.advance(1000)
  await until(() => sync.clock.sleeps.length === 1)
  assert.deepEqual(sync.clock.sleeps, [2000])
  sync.tell('removed', tag('docker.io'))
  sync.tell('added', layer('docker.io'))
  sync.clock.advance(2000)
  assert.deepEqual(await sync.keys(1), [LAYER])
  assert.deepEqual(
    sync.log.lines.filter(({ level }) => level === 'warn').map(({ message, fields }) => [message, fields['retryMs']]),
    [
      ['advertising failed', 1000],
      ['advertising failed', 2000],
    ],
  )
})

test('a store that can no longer be watched ends the sync with its error', async () => {
  const { running, store } = setup()
  const failure = new Error('the store is gone')
  store.emit('error', failure)
  await assert.rejects(running, failure)
})
