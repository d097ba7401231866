import assert from 'node:assert/strict'
import { writeFile } from 'node:fs/promises'
import { connect } from 'node:net'
import path from 'node:path'
import { test } from 'node:test'
import { loadTrust } from '../../src/cli/trust/trust.ts'
import { digestOf } from '../../src/oci/digest.ts'
import { freePorts } from '../free-ports.ts'
import { temporaryDirectory } from '../temporary-directory.ts'
import { until } from '../until.ts'
import { listening, metric, timesLogged } from './node-state.ts'
import { RegistryProcess } from './registry-process.ts'
import { writeSharedImage } from './shared-image.ts'

const HOSTS = ['127.0.0.1', '127.0.0.2', '127.0.0.3'] as const
const [HOLDER, FRIEND, STRANGER] = HOSTS
const LAYER_BYTES = 300_000
const UNREACHABLE = 'no bootstrap peer can be reached'

/** Nodes that know where the others are; each with a secret of its own, or none. The first holds an image. */
async function scene() {
  await using stack = new AsyncDisposableStack()
  const directory = stack.use(await temporaryDirectory()).path
  const ports = await freePorts()
  const image = await writeSharedImage([path.join(directory, HOLDER)], LAYER_BYTES)
  const owned = stack.move()
  return {
    image,
    ports,
    target: `/v2/team/app/blobs/${image.layer.digest}?ns=registry.example`,
    async start(host: string, secret: string | undefined) {
      const file = path.join(directory, `secret-${host}`)
      if (secret !== undefined) await writeFile(file, secret)
      const flags = secret === undefined ? [] : [`--cluster-secret-file=${file}`]
      const peers = HOSTS.filter(other => other !== host)
      const node = owned.use(RegistryProcess.start({ host, ports, layout: path.join(directory, host), peers, flags }))
      const { basicAuth } = await loadTrust({
        clusterSecretFile: secret === undefined ? undefined : file,
        basicAuthDir: path.join(directory, 'none'),
      })
      return Object.assign(node, { headers: basicAuth === undefined ? {} : { authorization: basicAuth.header } })
    },
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  }
}

async function statusOf(node: RegistryProcess, target: string, init: RequestInit = {}): Promise<number> {
  const response = await fetch(node.url + target, init)
  await response.body?.cancel()
  return response.status
}

test('nodes with one secret serve each other and who knows what it yields; others can neither join nor pull', async () => {
  await using nodes = await scene()
  const { target } = nodes
  const [holder, friend, stranger] = await Promise.all([
    nodes.start(HOLDER, 'one secret of the cluster'),
    nodes.start(FRIEND, 'one secret of the cluster\n'),
    nodes.start(STRANGER, 'another secret of a cluster'),
  ])
  await Promise.all([holder.ready(), friend.ready(), listening(stranger)])
  const { headers } = friend
  await until(async () => (await statusOf(friend, target, { headers, method: 'HEAD' })) === 200)
  const content = Buffer.from(await (await fetch(friend.url + target, { headers })).arrayBuffer())
  assert.equal(digestOf(content), nodes.image.layer.digest)

  for (const node of [holder, friend]) {
    assert.equal(await metric(node, 'spegel_peers'), 1)
    for (const wrong of [{}, stranger.headers]) {
      assert.equal(await statusOf(node, target, { headers: wrong }), 403)
      assert.equal(await statusOf(node, '/spegel/v1/claims', { headers: wrong, method: 'POST', body: '{}' }), 403)
      assert.equal(await statusOf(node, '/v2/', { headers: wrong }), 401)
    }
  }
  await until(() => timesLogged(stranger, UNREACHABLE) > 0)
  assert.equal(await metric(stranger, 'spegel_peers'), 0)
  assert.equal(await statusOf(stranger, target, { headers: stranger.headers }), 404)
})

test('a node without a secret finds no way into a closed mesh, and says that it is open itself', async () => {
  await using nodes = await scene()
  const [holder, friend, open] = await Promise.all([
    nodes.start(HOLDER, 'one secret of the cluster'),
    nodes.start(FRIEND, 'one secret of the cluster'),
    nodes.start(STRANGER, undefined),
  ])
  await Promise.all([holder.ready(), friend.ready(), listening(open)])
  await until(() => timesLogged(open, UNREACHABLE) > 0)
  assert.equal(await metric(open, 'spegel_peers'), 0)
  assert.equal(await statusOf(open, nodes.target), 404)
  const says = 'the mesh is open: whoever reaches this node can join it'
  assert.deepEqual(
    [holder, friend, open].map(node => timesLogged(node, says)),
    [0, 0, 1],
  )
})

test('a node that strangers hold connections open to goes on finding and serving', async () => {
  await using nodes = await scene()
  const holder = await nodes.start(HOLDER, 'one secret of the cluster')
  await listening(holder)
  const strangers = Array.from({ length: 200 }, (_, index) => {
    const socket = connect({ host: HOLDER, port: nodes.ports.router, localAddress: `127.0.1.${1 + (index % 4)}` })
    if (index % 2 === 0) socket.write(Buffer.alloc(24, index))
    const { promise, resolve } = Promise.withResolvers<void>()
    socket.on('error', () => {}).once('close', () => resolve())
    return promise
  })
  const friend = await nodes.start(FRIEND, 'one secret of the cluster')
  await Promise.all([holder.ready(), friend.ready()])
  await until(async () => (await statusOf(friend, nodes.target, { headers: friend.headers, method: 'HEAD' })) === 200)
  // None of them is kept.
  await Promise.all(strangers)
  assert.ok(holder.running)
})

test('a node whose secret can not be used says so in one line and does not start', async () => {
  await using nodes = await scene()
  const node = await nodes.start(HOLDER, undefined)
  await listening(node)
  await using directory = await temporaryDirectory()
  const file = path.join(directory.path, 'missing')
  const flags = [`--cluster-secret-file=${file}`]
  await using failing = RegistryProcess.start({
    host: FRIEND,
    ports: nodes.ports,
    layout: directory.path,
    peers: [],
    flags,
  })
  assert.equal(await failing.exit(), 1)
  const [line, ...more] = failing.log
  assert.deepEqual(more, [])
  assert.match(JSON.stringify(line), /--cluster-secret-file .*missing does not exist: want 16 to 4096 bytes/)
})
