import assert from 'node:assert/strict'
import { copyFile, mkdir, writeFile } from 'node:fs/promises'
import path from 'node:path'
import { describe, test } from 'node:test'
import { freePorts, type Ports } from '../free-ports.ts'
import { temporaryDirectory } from '../temporary-directory.ts'
import { until } from '../until.ts'
import { bootstrapMessages, listening, readiness } from './node-state.ts'
import { RegistryProcess } from './registry-process.ts'

const [FIRST, SECOND] = ['127.0.0.1', '127.0.0.2']

/** Starts nodes that share their ports; each has its data directory under its host's name. */
async function scene() {
  const stack = new AsyncDisposableStack()
  const directory = stack.use(await temporaryDirectory()).path
  const ports = await freePorts()
  return {
    ports,
    dataDir: (host: string) => path.join(directory, host),
    start(host: string, options: { readonly peers?: readonly string[]; readonly flags?: readonly string[] }) {
      const { peers = [], flags = [] } = options
      const layout = path.join(directory, `${host}-images`)
      const dataDir = `--data-dir=${path.join(directory, host)}`
      return stack.use(RegistryProcess.start({ host, ports, layout, peers, flags: [dataDir, ...flags] }))
    },
    [Symbol.asyncDispose]: () => stack.disposeAsync(),
  }
}

/** Bootstrap by the `/id` of the node on `host`, which every node with these flags serves. */
function byHttp(own: string, host: string, { bootstrap: port }: Ports): readonly string[] {
  return [
    '--bootstrap-kind=http',
    `--http-bootstrap-addr=${own}:${port}`,
    `--http-bootstrap-url=http://${host}:${port}/id`,
  ]
}

function peerId(node: RegistryProcess): unknown {
  return node.log.find(({ msg }) => msg === 'router listens')?.['peer']
}

describe('bootstrap', { concurrency: 2 }, () => {
  test('a node that is told of nobody but itself is not ready at first, and ready after ten seconds', async () => {
    await using nodes = await scene()
    const node = nodes.start(FIRST, { flags: byHttp(FIRST, FIRST, nodes.ports) })
    await listening(node)
    await until(() => bootstrapMessages(node).includes('bootstrap names only this node'))
    assert.equal(await readiness(node), 503)
    await node.ready()
  })

  test('nodes find each other by HTTP, keep their identities, and after a restart need no bootstrap', async () => {
    await using nodes = await scene()
    const first = nodes.start(FIRST, { flags: byHttp(FIRST, FIRST, nodes.ports) })
    const second = nodes.start(SECOND, { flags: byHttp(SECOND, FIRST, nodes.ports) })
    await Promise.all([first.ready(), second.ready()])
    for (const node of [first, second]) {
      node.kill('SIGTERM')
      assert.equal(await node.exit(), 0)
    }
    const firstAgain = nodes.start(FIRST, {})
    await firstAgain.ready()
    const secondAgain = nodes.start(SECOND, { flags: byHttp(SECOND, '127.0.0.9', nodes.ports) })
    await secondAgain.ready()
    assert.deepEqual([firstAgain, secondAgain].map(peerId), [first, second].map(peerId))
    assert.deepEqual(bootstrapMessages(secondAgain), ['bootstrap reached the mesh'])
  })

  test('a node whose bootstrap fails or leads nowhere is not ready, and says so once', async () => {
    await using nodes = await scene()
    const failing = nodes.start(FIRST, { flags: byHttp(FIRST, '127.0.0.9', nodes.ports) })
    const lonely = nodes.start(SECOND, { peers: ['127.0.0.9'] })
    await Promise.all([failing, lonely].map(listening))
    await until(() => bootstrapMessages(failing).length > 0 && bootstrapMessages(lonely).length > 0)
    assert.equal(await readiness(failing), 503)
    assert.equal(await readiness(lonely), 503)
    await using _found = nodes.start('127.0.0.9', { flags: byHttp('127.0.0.9', '127.0.0.9', nodes.ports) })
    await Promise.all([failing.ready(), lonely.ready()])
    assert.deepEqual(bootstrapMessages(failing), ['bootstrap failed', 'bootstrap reached the mesh'])
    assert.deepEqual(bootstrapMessages(lonely), ['no bootstrap peer can be reached', 'bootstrap reached the mesh'])
  })

  test('two nodes with one identity both name it, and neither is ready', async () => {
    await using nodes = await scene()
    const original = nodes.start(FIRST, { peers: [SECOND] })
    await until(() => peerId(original) !== undefined)
    await mkdir(nodes.dataDir(SECOND))
    await copyFile(path.join(nodes.dataDir(FIRST), 'private.key'), path.join(nodes.dataDir(SECOND), 'private.key'))
    const clone = nodes.start(SECOND, { peers: [FIRST] })
    for (const node of [original, clone]) {
      await until(() => node.log.some(({ msg }) => String(msg).startsWith('another node has the identity of this one')))
      assert.equal(await readiness(node), 503)
    }
    assert.equal(peerId(clone), peerId(original))
  })

  test('a corrupt identity ends the start with one line that names the file', async () => {
    await using nodes = await scene()
    await mkdir(nodes.dataDir(FIRST))
    const file = path.join(nodes.dataDir(FIRST), 'private.key')
    await writeFile(file, 'garbage')
    const node = nodes.start(FIRST, {})
    assert.equal(await node.exit(), 1)
    assert.match(JSON.stringify(node.log.at(-1)), /private\.key holds no key: want an Ed25519 private key/)
  })
})
