import assert from 'node:assert/strict'
import process from 'node:process'
import { after, before, describe, test } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import { admitted, exchange, found, freshKeys } from './both-ways.ts'
import { buildGoNode, unlessGo } from './go-program.ts'
import { InteropMesh } from './mesh.ts'
import { unlessNamespaces } from './network.ts'

/** Go drops a kad stream that is idle for 60 s, and looks after its routing table every 10 min. */
const IDLE_MS = process.env['SPEGEL_LONG_TESTS'] === '1' ? 620_000 : 120_000
const POLL_MS = 1000
/** The first build on a machine fetches and compiles some two hundred modules. */
const BUILD_TIMEOUT_MS = 600_000

describe('go-libp2p-kad-dht', { skip: unlessNamespaces() || unlessGo() }, () => {
  let program = ''
  const stack = new AsyncDisposableStack()
  before(
    async () => {
      program = stack.use(await buildGoNode()).path
    },
    { timeout: BUILD_TIMEOUT_MS },
  )
  after(() => stack.disposeAsync())

  for (const security of ['noise', 'tls', ''] as const) {
    test(`a Go node (${security || 'noise and tls'}) and ours, which joined it, find what the other provides`, async () => {
      await using mesh = await InteropMesh.create(2)
      const go = await mesh.go(program, security)
      const ours = await mesh.ours([go])
      await admitted(ours, go)
      await admitted(go, ours)
      await exchange(go, ours)
    })
  }

  test('ours and a Go node that joined it find what the other provides', async () => {
    await using mesh = await InteropMesh.create(2)
    const ours = await mesh.ours()
    const go = await mesh.go(program)
    await go.node.join(ours.identity.multiaddrs)
    await admitted(ours, go)
    await admitted(go, ours)
    await exchange(ours, go)
  })

  test('in a mesh of both kinds everyone finds what anyone provided, also before others joined', async () => {
    await using mesh = await InteropMesh.create(4)
    const go = await mesh.go(program)
    const ours = await mesh.ours([go])
    await admitted(go, ours)
    const [oursKeys, goKeys] = [freshKeys(100), freshKeys(100)]
    await ours.node.provide(oursKeys)
    await go.node.provide(goKeys)
    const lateGo = await mesh.go(program)
    await lateGo.node.join(ours.identity.multiaddrs)
    const lateOurs = await mesh.ours([go])
    for (const late of [lateGo, lateOurs]) {
      await found(late, ours, oursKeys)
      await found(late, go, goKeys)
    }
    await exchange(lateGo, lateOurs)
  })

  test('a record that Go refuses does not keep it from the others that are sent with it', async () => {
    await using mesh = await InteropMesh.create(2)
    const go = await mesh.go(program)
    const sender = await mesh.malformed(go)
    const keys = freshKeys(300)
    await sender.node.provide(keys)
    await found(go, sender, keys)
  })

  test(`left alone for ${IDLE_MS / 1000} s both keep each other and find what is new`, {
    timeout: 2 * IDLE_MS,
  }, async () => {
    await using mesh = await InteropMesh.create(2)
    const go = await mesh.go(program)
    const ours = await mesh.ours([go])
    await admitted(go, ours)
    await exchange(ours, go)
    const deadline = performance.now() + IDLE_MS
    while (performance.now() < deadline) {
      await delay(POLL_MS)
      assert.deepEqual(await go.node.members(), [ours.identity.peer])
      assert.deepEqual(await ours.node.members(), [go.identity.peer])
    }
    await exchange(ours, go)
  })
})
