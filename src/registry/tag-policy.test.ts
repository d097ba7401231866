import assert from 'node:assert/strict'
import { once } from 'node:events'
import { describe, test } from 'node:test'
import * as fc from 'fast-check'
import { tagReferences } from '../../test/arbitraries/references.ts'
import { sampleTag } from '../../test/contracts/sample-image.ts'
import { patience } from '../../test/contracts/store-contract.ts'
import { MemoryStore } from '../../test/fakes/memory-store.ts'
import { startNode } from '../../test/mirror/node-under-test.ts'
import { rawExchange } from '../../test/mirror/raw-exchange.ts'
import { ScriptedPeer, serving } from '../../test/mirror/scripted-peer.ts'
import {
  asPeer,
  byDigest,
  byTag,
  manifest,
  overriding,
  registry,
  storeWithImage,
} from '../../test/mirror/stored-image.ts'
import { OCI_MANIFEST } from '../oci/media-type.ts'
import type { Peer, Router } from '../routing/router.ts'
import type { Store } from '../store/store.ts'
import { type AutoTagOptions, autoTagPolicy } from './tag-policy.ts'

const PEER: Peer = { id: 'peer', registry: { host: '10.0.0.1', port: 5000 } }

interface Settings extends Partial<AutoTagOptions> {
  readonly store?: Store
  readonly peers?: readonly Peer[]
  readonly answers?: boolean
  readonly watched?: readonly string[]
  readonly ready?: boolean
  readonly lookup?: Router['lookup']
}

/** A lookup that finds nobody for as long as it may. */
async function* endingWith(signal: AbortSignal): AsyncGenerator<Peer> {
  if (!signal.aborted) await once(signal, 'abort')
  yield* []
}

/** A policy, and what it asked for. */
function auto(settings: Settings = {}) {
  const { peers = [], answers = true, watched = [], ready = true, named = [], resolveTimeoutMs = 30_000 } = settings
  const asked: string[] = []
  const lookups: string[] = []
  const router: Router = {
    async *lookup(key) {
      lookups.push(key)
      yield* peers
    },
    advertise: async () => {},
    withdraw: async () => {},
    ready: () => ready,
    ...(settings.lookup === undefined ? {} : { lookup: settings.lookup }),
  }
  const reachability = {
    watches: (name: string) => watched.includes(name),
    answers: async (name: string) => {
      asked.push(name)
      return answers
    },
  }
  const store = settings.store ?? new MemoryStore()
  const policy = autoTagPolicy({ store, router, reachability }, { named, resolveTimeoutMs })
  return { policy, asked, lookups, refusal: () => policy.refusal(sampleTag, { signal: patience() }) }
}

describe('a tag of a registry that answers', () => {
  const known = [
    ['this node has it', { store: storeWithImage() }],
    ['a peer has it', { peers: [PEER] }],
    ['the registry is named', { named: [registry] }],
    ['the registry is watched', { watched: [registry] }],
  ] as const
  for (const [why, settings] of known) {
    test(`is left to it, asked where ${why}`, async () => {
      const { refusal, asked } = auto(settings)
      assert.equal(await refusal(), 'tag_upstream')
      assert.deepEqual(asked, [registry])
    })
  }

  test('is not looked for where the registry is known already', async () => {
    const { refusal, lookups } = auto({ watched: [registry], peers: [PEER] })
    await refusal()
    assert.deepEqual(lookups, [])
  })

  for (const method of ['GET', 'HEAD'] as const) {
    test(`is a miss of its own to ${method} of a local client, held or not, and no peer is asked`, async () => {
      await using peer = await ScriptedPeer.start(serving(manifest, { 'content-type': OCI_MANIFEST }))
      for (const store of [storeWithImage(), new MemoryStore()]) {
        const { policy } = auto({ named: [registry] })
        await using node = await startNode({ store, peers: [peer], tagPolicy: policy })
        const response = await rawExchange(node.address, { method, target: byTag })
        assert.equal(response.status, 404)
        if (method === 'GET') assert.match(response.body.toString(), /"reason":"tag_upstream"/)
        assert.equal(await node.metric('spegel_mirror_miss_total{reason="tag_upstream"}'), 1)
        assert.deepEqual(node.lookups, [])
      }
      assert.deepEqual(peer.requests, [])
    })
  }
})

describe('a tag of a registry that does not answer', () => {
  test('comes from the store', async () => {
    const { policy } = auto({ answers: false, named: [registry] })
    await using node = await startNode({ store: storeWithImage(), tagPolicy: policy })
    const response = await rawExchange(node.address, { target: byTag })
    assert.equal(response.status, 200)
    assert.ok(response.body.equals(manifest))
  })

  test('comes from a peer, where the store lacks it', async () => {
    await using peer = await ScriptedPeer.start(serving(manifest, { 'content-type': OCI_MANIFEST }))
    const { policy } = auto({ answers: false, peers: [peer] })
    await using node = await startNode({ peers: [peer], tagPolicy: policy })
    const response = await rawExchange(node.address, { target: byTag })
    assert.equal(response.status, 200)
    assert.ok(response.body.equals(manifest))
  })
})

describe('whether the registry answers', () => {
  test('is no question where a peer asks, or a digest is asked for', async () => {
    const { policy, asked } = auto({ named: [registry] })
    await using node = await startNode({ store: storeWithImage(), tagPolicy: policy })
    for (const request of [{ target: byTag, headers: asPeer }, { target: byDigest }]) {
      assert.equal((await rawExchange(node.address, request)).status, 200)
    }
    assert.equal((await rawExchange(node.address, { target: byTag.replace('v1', 'v2'), headers: asPeer })).status, 404)
    assert.deepEqual(asked, [])
  })

  test('is no question where neither this node nor a peer has the tag, whatever the registry is called', async () => {
    const { policy, asked } = auto({ store: storeWithImage() })
    await fc.assert(
      fc.asyncProperty(tagReferences, async reference => {
        assert.equal(await policy.refusal(reference, { signal: patience() }), 'not_found')
      }),
    )
    assert.deepEqual(asked, [])
  })

  test('is no question for a tag that filters exclude', async () => {
    const { policy, asked } = auto({ named: [registry] })
    await using node = await startNode({ store: storeWithImage(), tagPolicy: policy, registryFilters: ['sample'] })
    const response = await rawExchange(node.address, { target: byTag })
    assert.match(response.body.toString(), /"reason":"filtered"/)
    assert.deepEqual(asked, [])
  })

  test('is no question for a tag that nobody has, which counts as a miss of the mirror', async () => {
    const { policy } = auto()
    await using node = await startNode({ tagPolicy: policy })
    assert.match((await rawExchange(node.address, { target: byTag })).body.toString(), /"reason":"not_found"/)
    assert.equal(await node.metric(`spegel_mirror_requests_total{registry="${registry}",cache="miss"}`), 1)
  })

  test('is no question before this node has joined its cluster, which the miss says', async () => {
    const { refusal, asked } = auto({ ready: false })
    assert.equal(await refusal(), 'not_ready')
    assert.deepEqual(asked, [])
  })

  test('is no question where no peer is found in time', async () => {
    const { refusal, asked } = auto({
      resolveTimeoutMs: 1,
      lookup: (_, { signal }) => endingWith(signal),
    })
    assert.equal(await refusal(), 'not_found')
    assert.deepEqual(asked, [])
  })

  test('is no question where the store fails', async () => {
    const failure = new Error('the store is gone')
    const store = overriding(new MemoryStore(), { resolve: () => Promise.reject(failure) })
    const { refusal, asked } = auto({ store })
    await assert.rejects(refusal(), failure)
    assert.deepEqual(asked, [])
  })
})
