import assert from 'node:assert/strict'
import { once } from 'node:events'
import { mkdir, writeFile } from 'node:fs/promises'
import http from 'node:http'
import net from 'node:net'
import { test } from 'node:test'
import { FakeContainerd } from '../../../test/containerd/fake-containerd.ts'
import { patience } from '../../../test/contracts/store-contract.ts'
import { MemoryLog } from '../../../test/fakes/memory-log.ts'
import { until } from '../../../test/until.ts'
import { ContainerdConnection } from './connection.ts'
import { ConnectionWatch, type ConnectionWatchOptions } from './connection-watch.ts'
import { DeadSocketError } from './errors.ts'
import { createIntrospectionService } from './introspection-service.ts'

const CONNECTED = 'connected to containerd'
const MISSING = 'the socket of containerd does not exist: waiting for it'
const REFUSED = 'containerd refuses connections: waiting for it'
const FOREIGN = 'what is at the socket is no containerd: --containerd-sock needs another path'

/** A watch that runs, whether there is a containerd or not. */
async function setup(options: ConnectionWatchOptions = {}) {
  const fake = await FakeContainerd.create()
  const log = new MemoryLog()
  const connection = new ContainerdConnection(fake)
  const introspection = createIntrospectionService(connection)
  const watch = new ConnectionWatch({ connection, introspection, log }, options)
  const stop = new AbortController()
  return {
    fake,
    log,
    run: () => watch.run({ signal: AbortSignal.any([stop.signal, patience()]) }),
    async told(...messages: readonly string[]): Promise<void> {
      await until(() => log.lines.length >= messages.length)
      assert.deepEqual(
        log.lines.map(({ message }) => message),
        messages,
      )
    },
    stop: () => stop.abort(),
    async [Symbol.asyncDispose]() {
      stop.abort()
      connection[Symbol.dispose]()
      await fake[Symbol.asyncDispose]()
    },
  }
}

test('a containerd that comes, stops, crashes and comes back is told of, a line a change', async () => {
  await using rig = await setup()
  const running = rig.run()
  await rig.told(MISSING)
  await rig.fake.start()
  await rig.told(MISSING, CONNECTED)
  await rig.fake.stop()
  await rig.told(MISSING, CONNECTED, MISSING)
  await rig.fake.start()
  await rig.told(MISSING, CONNECTED, MISSING, CONNECTED)
  await rig.fake.stop({ crash: true })
  await rig.told(MISSING, CONNECTED, MISSING, CONNECTED, REFUSED)
  await rig.fake.start()
  await rig.told(MISSING, CONNECTED, MISSING, CONNECTED, REFUSED, CONNECTED)
  assert.deepEqual(rig.log.lines.at(-1)?.fields, { socket: rig.fake.socket, version: '1.6.20' })
  rig.stop()
  await running
})

test('a socket that is a mount of its own and refuses long enough ends the watch, with the remedy', async () => {
  await using rig = await setup({ deadAfterMs: 150, isMount: async () => true })
  await rig.fake.start()
  const running = rig.run()
  await rig.told(CONNECTED)
  const dead = assert.rejects(running, error => {
    assert.ok(error instanceof DeadSocketError)
    assert.match(error.message, /refused connections for 0 s.*mount its directory \S+\/run instead$/)
    return true
  })
  await rig.fake.stop({ crash: true })
  await dead
})

test('a refusing socket in a mounted directory is waited for, however long', async () => {
  await using rig = await setup({ deadAfterMs: 0 })
  await rig.fake.start()
  await rig.fake.stop({ crash: true })
  const running = rig.run()
  await rig.told(REFUSED)
  await rig.fake.start()
  await rig.told(REFUSED, CONNECTED)
  rig.stop()
  await running
})

test('a missing socket is waited for even where it would be a mount', async () => {
  await using rig = await setup({ deadAfterMs: 0, isMount: async () => true })
  const running = rig.run()
  await rig.told(MISSING)
  await rig.fake.start()
  await rig.told(MISSING, CONNECTED)
  rig.stop()
  await running
})

test('another server at the socket is told as what it is', async () => {
  await using rig = await setup()
  const server = http.createServer()
  await once(server.listen(rig.fake.socket), 'listening')
  const running = rig.run()
  await rig.told(FOREIGN)
  assert.equal(rig.log.lines[0]?.level, 'error')
  rig.stop()
  await running
  server.closeAllConnections()
  server.close()
})

for (const [what, make] of [
  ['a file', (path: string) => writeFile(path, '')],
  ['a directory', (path: string) => mkdir(path)],
] as const) {
  test(`${what} at the path of the socket is told as what it is`, async () => {
    await using rig = await setup()
    await make(rig.fake.socket)
    const running = rig.run()
    await rig.told(FOREIGN)
    rig.stop()
    await running
  })
}

test('a server that ends each connection at once is told to be silent, and the containerd after it as such', async () => {
  await using rig = await setup()
  const server = net.createServer(connection => connection.destroy())
  await once(server.listen(rig.fake.socket), 'listening')
  const running = rig.run()
  await rig.told('containerd does not answer: waiting for it')
  server.close()
  await rig.fake.start()
  await until(() => rig.log.lines.at(-1)?.message === CONNECTED)
  rig.stop()
  await running
})
