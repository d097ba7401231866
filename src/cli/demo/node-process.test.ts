import assert from 'node:assert/strict'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { after, test } from 'node:test'
import { freePorts } from '../../../test/free-ports.ts'
import { nodeAddresses } from './addresses.ts'
import { NodeFailedError } from './errors.ts'
import { NodeProcess } from './node-process.ts'

const { signal } = new AbortController()
const directory = await mkdtemp(path.join(tmpdir(), 'spegel-demo-test-'))
after(() => rm(directory, { recursive: true, force: true }))

/** A node that answers with its arguments, ready at the third time of asking. */
const STAND_IN = `
import { createServer } from 'node:http'
const args = process.argv.slice(2)
const [host, port] = args.find(arg => arg.startsWith('--registry-addr=')).slice(16).split(':')
let asked = 0
createServer((request, response) => {
  asked++
  response.writeHead(asked < 3 ? 503 : 200).end(JSON.stringify(args))
}).listen(Number(port), host)
`

async function script(name: string, source: string): Promise<readonly [string, string]> {
  const file = path.join(directory, name)
  await writeFile(file, source)
  return [process.execPath, file]
}

test('a node is started with its addresses and peers, waited for, and ended', async () => {
  const [addresses, peer] = nodeAddresses(2, (await freePorts()).registry)
  assert.ok(addresses && peer)
  const failures: Error[] = []
  const onFailure = (error: Error) => void failures.push(error)
  const command = await script('stand-in.mjs', STAND_IN)
  const node = new NodeProcess(command, { addresses, layout: '/images', peers: [peer], onFailure })
  try {
    await node.ready({ signal })
    const response = await fetch(`http://${node.name}/`)
    assert.deepEqual(await response.json(), [
      'registry',
      '--store=oci-layout',
      '--oci-layout-path=/images',
      `--registry-addr=${node.name}`,
      `--router-addr=127.0.0.1:${addresses.router.port}`,
      `--metrics-addr=127.0.0.1:${addresses.metrics.port}`,
      '--bootstrap-kind=static',
      '--static-bootstrap-peers',
      `/ip4/127.0.0.2/tcp/${peer.router.port}`,
      '--basic-auth-dir=/images/no-credentials',
    ])
  } finally {
    await node[Symbol.asyncDispose]()
  }
  await assert.rejects(fetch(`http://${node.name}/`))
  assert.deepEqual(failures, [])
})

test('a node that ends is reported with its last words', async () => {
  const [addresses] = nodeAddresses(1, (await freePorts()).registry)
  assert.ok(addresses)
  const command = await script('failing.mjs', `console.error('first'); console.error('no luck'); process.exitCode = 3`)
  const failed = Promise.withResolvers<Error>()
  await using node = new NodeProcess(command, { addresses, layout: '/x', peers: [], onFailure: failed.resolve })
  const error = await failed.promise
  assert.ok(error instanceof NodeFailedError)
  assert.equal(error.message, `node ${node.name} ended with status 3: no luck`)
})

test('a node that can not even be started is reported', async () => {
  const [addresses] = nodeAddresses(1, (await freePorts()).registry)
  assert.ok(addresses)
  const failed = Promise.withResolvers<Error>()
  const command = [path.join(directory, 'missing')] as const
  await using _ = new NodeProcess(command, { addresses, layout: '/x', peers: [], onFailure: failed.resolve })
  assert.match((await failed.promise).message, /could not be started \(.*ENOENT/)
})

test('waiting for a node ends when it is told to', async () => {
  const [addresses] = nodeAddresses(1, (await freePorts()).registry)
  assert.ok(addresses)
  const command = await script('silent.mjs', 'setInterval(() => {}, 1000)')
  await using node = new NodeProcess(command, { addresses, layout: '/x', peers: [], onFailure: () => undefined })
  const reason = new Error('enough')
  await assert.rejects(node.ready({ signal: AbortSignal.abort(reason) }), reason)
})
