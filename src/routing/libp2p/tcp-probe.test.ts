import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer } from 'node:net'
import { test } from 'node:test'
import { patience } from '../../../test/contracts/store-contract.ts'
import { acceptsConnections } from './tcp-probe.ts'

test('a probe tells who accepts connections from who does not', async () => {
  const server = createServer(socket => socket.on('error', () => {}).resume()).listen(0, '127.0.0.4')
  await once(server, 'listening')
  const address = server.address()
  assert.ok(address !== null && typeof address === 'object')
  const endpoint = { host: '127.0.0.4', port: address.port }
  assert.equal(await acceptsConnections(endpoint, { signal: patience() }), true)
  server.close()
  await once(server, 'close')
  assert.equal(await acceptsConnections(endpoint, { signal: patience() }), false)
})

test('a probe that is given up accepts nothing', async () => {
  const stop = new AbortController()
  const probe = acceptsConnections({ host: '127.0.0.4', port: 9 }, { signal: stop.signal })
  stop.abort()
  assert.equal(await probe, false)
})
