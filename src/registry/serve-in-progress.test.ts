import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { MemoryStore } from '../../test/fakes/memory-store.ts'
import { RawClient } from '../../test/http/raw-client.ts'
import { type NodeSettings, startNode } from '../../test/mirror/node-under-test.ts'
import { rawExchange } from '../../test/mirror/raw-exchange.ts'
import { overriding } from '../../test/mirror/stored-image.ts'
import { digestOf } from '../oci/digest.ts'
import { OCI_MANIFEST } from '../oci/media-type.ts'
import { ContentNotFoundError } from '../store/errors.ts'

const MIB = 1024 * 1024
const content = Buffer.from(Array.from({ length: 200_000 }, (_, index) => index % 251))
const digest = digestOf(content)
const HALF = content.length / 2
const target = `/v2/library/busybox/blobs/${digest}?ns=docker.io`
const following = { 'x-spegel-mirrored': 'true', 'x-spegel-in-progress': 'true' }
const NOTHING_TO_CLAIM: NodeSettings = { claim: async () => ({ kind: 'upstream', coordinated: true }) }

/** A node that shares what it is fetching. */
async function sharing(settings: NodeSettings = {}) {
  const node = await startNode({ ...NOTHING_TO_CLAIM, ...settings })
  return {
    ...node,
    ask: (headers: Readonly<Record<string, string>> = {}) =>
      rawExchange(node.address, { target, headers: { ...following, ...headers } }),
    [Symbol.asyncDispose]: () => node[Symbol.asyncDispose](),
  }
}

/** Sends a peer's request and leaves the connection open. */
async function connected(node: { readonly address: { host: string; port: number } }): Promise<RawClient> {
  const client = await RawClient.connect(node.address)
  const lines = Object.entries(following).map(([name, value]) => `${name}: ${value}\r\n`)
  client.send(`GET ${target} HTTP/1.1\r\nhost: node\r\nconnection: close\r\n${lines.join('')}\r\n`)
  return client
}

function bodyOf(client: RawClient): Buffer {
  return client.received.subarray(client.received.indexOf('\r\n\r\n') + 4)
}

describe('a blob that a local client is fetching', () => {
  test('is sent to a peer as it comes: the head before the first byte, with the length it will have', async () => {
    await using node = await sharing()
    using _asked = node.asked.begin(digest)
    const download = node.store.begin(digest, content.length)
    using client = await connected(node)
    const head = await client.receive('\r\n\r\n')
    assert.match(head, /^HTTP\/1\.1 200 /)
    assert.match(head, new RegExp(`content-length: ${content.length}\r\n`, 'i'))
    assert.match(head, new RegExp(`docker-content-digest: ${digest}\r\n`, 'i'))
    download.append(content.subarray(0, HALF))
    await client.receive(content.toString('latin1', HALF - 10, HALF))
    download.append(content.subarray(HALF))
    assert.equal(await client.ending, 'fin')
    assert.ok(bodyOf(client).equals(content))
    assert.equal(await node.metric('spegel_upload_bytes_total'), content.length)
    assert.equal(await node.metric('spegel_served_bytes_total{source="store"}'), 0)
  })

  test('is sent in part, also where that has yet to come', async () => {
    await using node = await sharing()
    using _asked = node.asked.begin(digest)
    const download = node.store.begin(digest, content.length)
    download.append(content.subarray(0, HALF))
    const asked = node.ask({ range: `bytes=${HALF + 5}-` })
    download.append(content.subarray(HALF))
    const { status, headers, body } = await asked
    assert.equal(status, 206)
    assert.equal(headers['content-range'], `bytes ${HALF + 5}-${content.length - 1}/${content.length}`)
    assert.ok(body.equals(content.subarray(HALF + 5)))
  })

  test('is 416, with its size, for a peer that has much more of it, or asks for what lies outside', async () => {
    await using node = await sharing()
    using _asked = node.asked.begin(digest)
    node.store.begin(digest, 40 * MIB).append(Buffer.alloc(1))
    for (const start of [32 * MIB + 2, 40 * MIB]) {
      const { status, headers } = await node.ask({ range: `bytes=${start}-` })
      assert.equal(status, 416)
      assert.equal(headers['content-range'], `bytes */${40 * MIB}`)
    }
  })

  test('ends short, with FIN, where its download is given up', async () => {
    await using node = await sharing()
    using _asked = node.asked.begin(digest)
    const download = node.store.begin(digest, content.length)
    download.append(content.subarray(0, HALF))
    using client = await connected(node)
    await client.receive('\r\n\r\n')
    download.abort()
    assert.equal(await client.ending, 'fin')
    assert.ok(bodyOf(client).equals(content.subarray(0, HALF)))
  })

  for (const [what, headers] of [
    ['that does not say that it follows', { 'x-spegel-in-progress': 'false' }],
    ['that is no peer', { 'x-spegel-mirrored': 'false' }],
  ] as const) {
    test(`is a miss for one ${what}`, async () => {
      await using node = await sharing()
      using _asked = node.asked.begin(digest)
      node.store.begin(digest, content.length).append(content)
      assert.equal((await node.ask(headers)).status, 404)
    })
  }

  test('is a miss for HEAD, for a tag, and where nobody asked this node for it', async () => {
    await using node = await sharing()
    node.store.begin(digest, content.length).append(content)
    assert.equal((await node.ask()).status, 404)
    using _asked = node.asked.begin(digest)
    const head = await rawExchange(node.address, { method: 'HEAD', target, headers: following })
    assert.equal(head.status, 404)
    const tag = '/v2/library/busybox/manifests/1?ns=docker.io'
    assert.equal((await rawExchange(node.address, { target: tag, headers: following })).status, 404)
  })

  test('is shared once a local client has asked for it, but not where that may not have it', async () => {
    await using node = await sharing({ registryFilters: ['^docker.io/secret'] })
    const download = node.store.begin(digest, content.length)
    download.append(content)
    const secret = target.replace('library', 'secret')
    assert.equal((await rawExchange(node.address, { target: secret })).status, 404)
    assert.equal((await node.ask()).status, 404)
    assert.equal((await rawExchange(node.address, { target })).status, 404)
    assert.equal((await rawExchange(node.address, { target: secret, headers: following })).status, 404)
    assert.ok((await node.ask()).body.equals(content))
  })

  test('is sent to no more peers than may be sent to at once', async () => {
    await using node = await sharing({ maxUploads: 1 })
    using _asked = node.asked.begin(digest)
    const download = node.store.begin(digest, content.length)
    using client = await connected(node)
    await client.receive('\r\n\r\n')
    assert.equal((await node.ask()).status, 503)
    download.append(content)
    assert.equal(await client.ending, 'fin')
    assert.ok((await node.ask()).body.equals(content))
  })

  test('is shared although nothing comes for long, as long as the client waits for it or has just been sent away', async () => {
    let now = 0
    await using node = await sharing({ now: () => now })
    const request = node.asked.begin(digest)
    const download = node.store.begin(digest, content.length)
    download.append(content.subarray(0, HALF))
    download.stall()
    now += 3600_000
    using client = await connected(node)
    await client.receive('\r\n\r\n')
    request[Symbol.dispose]()
    now += 10 * 60_000 - 1
    using late = await connected(node)
    assert.match(await late.receive('\r\n\r\n'), /^HTTP\/1\.1 200 /)
    now += 1
    assert.equal((await node.ask()).status, 404)
    download.append(content.subarray(HALF))
    assert.equal(await client.ending, 'fin')
    assert.ok(bodyOf(client).equals(content))
  })
})

describe('content on its way from download to store', () => {
  test('is sent to a peer though it is in neither for a moment', async () => {
    const memory = new MemoryStore()
    memory.put(content)
    let looks = 0
    const store = overriding(memory, {
      describe: async (...args) => {
        looks += 1
        if (looks < 5) throw new ContentNotFoundError(digest)
        return await memory.describe(...args)
      },
    })
    await using node = await sharing({ store })
    node.asked.begin(digest)[Symbol.dispose]()
    assert.ok((await node.ask()).body.equals(content))
    assert.equal(looks, 5)
  })

  test('is a miss after a second where it is in neither for longer', async () => {
    await using node = await sharing()
    node.asked.begin(digest)[Symbol.dispose]()
    assert.equal((await node.ask()).status, 404)
  })

  test('is a miss at once where nobody has lately asked this node for it', async () => {
    let now = 0
    let looks = 0
    const memory = new MemoryStore()
    const store = overriding(memory, {
      describe: async () => {
        looks += 1
        throw new ContentNotFoundError(digest)
      },
    })
    await using node = await sharing({ store, now: () => now })
    node.asked.begin(digest)[Symbol.dispose]()
    now += 10 * 60_000
    assert.equal((await node.ask()).status, 404)
    assert.ok(looks <= 2)
  })
})

describe('a manifest that a local client is fetching', () => {
  const manifest = Buffer.from(JSON.stringify({ schemaVersion: 2, mediaType: OCI_MANIFEST, config: {}, layers: [] }))
  const name = digestOf(manifest)
  const asking = { target: `/v2/library/busybox/manifests/${name}?ns=docker.io`, headers: following }

  test('is sent once it is complete and known to be right', async () => {
    await using node = await sharing()
    using _asked = node.asked.begin(name)
    const download = node.store.begin(name, manifest.length)
    const asked = rawExchange(node.address, asking)
    download.append(manifest)
    download.commit()
    const { status, headers, body } = await asked
    assert.equal(status, 200)
    assert.equal(headers['content-type'], OCI_MANIFEST)
    assert.ok(body.equals(manifest))
  })

  test('is a miss where it turns out to be something else, is given up, or takes too long', async () => {
    await using node = await sharing()
    using _asked = node.asked.begin(name)
    const endings = [
      (download: ReturnType<MemoryStore['begin']>) => {
        download.append(Buffer.alloc(manifest.length))
        download.commit()
        node.store.remove(name)
      },
      (download: ReturnType<MemoryStore['begin']>) => download.abort(),
      () => {},
    ]
    for (const end of endings) {
      const download = node.store.begin(name, manifest.length)
      const asked = rawExchange(node.address, asking)
      // The node follows the download by then, or never finds it: a miss either way.
      await new Promise(resolve => setImmediate(resolve))
      end(download)
      assert.equal((await asked).status, 404)
    }
  })
})
