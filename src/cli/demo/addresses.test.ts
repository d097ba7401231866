import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer } from 'node:net'
import { test } from 'node:test'
import { checkAddresses, nodeAddresses } from './addresses.ts'
import { AddressUnavailableError } from './errors.ts'

test('nodes listen where real ones do, each on an address of its own', () => {
  assert.deepEqual(nodeAddresses(2, undefined), [
    {
      registry: { host: '127.0.0.1', port: 5000 },
      router: { host: '127.0.0.1', port: 5001 },
      metrics: { host: '127.0.0.1', port: 9090 },
    },
    {
      registry: { host: '127.0.0.2', port: 5000 },
      router: { host: '127.0.0.2', port: 5001 },
      metrics: { host: '127.0.0.2', port: 9090 },
    },
  ])
})

test('a base port gives three ports in a row', () => {
  const [node] = nodeAddresses(1, 7000)
  assert.deepEqual([node?.registry.port, node?.router.port, node?.metrics.port], [7000, 7001, 7002])
})

test('an address in use is named, and free ones are free again after the check', async () => {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const bound = server.address()
  assert.ok(bound !== null && typeof bound === 'object')
  const taken = { host: '127.0.0.1', port: bound.port }
  const free = { host: '127.0.0.2', port: 0 }
  try {
    await checkAddresses([{ registry: free, router: free, metrics: free }])
    await assert.rejects(checkAddresses([{ registry: free, router: free, metrics: taken }]), (error: unknown) => {
      assert.ok(error instanceof AddressUnavailableError)
      assert.match(error.message, new RegExp(`^127\\.0\\.0\\.1:${taken.port} is in use: .*--base-port$`))
      return true
    })
  } finally {
    server.close()
  }
  await once(server, 'close')
  await checkAddresses([{ registry: taken, router: taken, metrics: taken }])
})
