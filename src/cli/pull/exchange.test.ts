import assert from 'node:assert/strict'
import { once } from 'node:events'
import { mock, test } from 'node:test'
import { patience } from '../../../test/contracts/store-contract.ts'
import { RegistryServer } from '../../../test/fakes/registry-server.ts'
import { HostError } from './errors.ts'
import { Exchange } from './exchange.ts'

const get = { method: 'GET', headers: {} } as const

test('a host that is silent for a minute is given up, before its head and within its body', async () => {
  for (const begun of [false, true]) {
    await using server = await RegistryServer.start()
    const asked = Promise.withResolvers<void>()
    server.intercept = (_, response) => {
      if (begun) response.writeHead(200).write('begun')
      asked.resolve()
      return true
    }
    const signal = patience()
    mock.timers.enable({ apis: ['setTimeout'] })
    try {
      const received = receive(server.url, signal)
      await asked.promise
      if (begun) await received.first
      mock.timers.tick(60_000)
      await assert.rejects(received.all, (error: unknown) => {
        assert.ok(error instanceof HostError)
        return /nothing for 60000 ms/.test(error.message)
      })
    } finally {
      mock.timers.reset()
    }
  }
})

function receive(url: URL, signal: AbortSignal): { readonly first: Promise<void>; readonly all: Promise<void> } {
  const first = Promise.withResolvers<void>()
  const all = async (): Promise<void> => {
    await using exchange = await Exchange.open(url, { ...get, signal })
    for await (const _ of exchange.chunks()) first.resolve()
  }
  return { first: first.promise, all: all() }
}

test('a host that a connection takes five seconds to is given up', async () => {
  await using server = await RegistryServer.start()
  const signal = patience()
  mock.timers.enable({ apis: ['setTimeout'] })
  try {
    const opened = Exchange.open(server.url, { ...get, signal })
    // No connection can come about before the event loop goes on.
    mock.timers.tick(5_000)
    await assert.rejects(opened, (error: unknown) => {
      assert.ok(error instanceof HostError)
      return /no connection within 5000 ms/.test(error.message)
    })
  } finally {
    mock.timers.reset()
  }
})

for (const [what, answer] of [
  ['nothing', ''],
  ['no HTTP', 'SSH-2.0-OpenSSH_9.2\r\n'],
  ['another protocol', 'HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n'],
] as const) {
  test(`a host that answers with ${what} and ends the connection is a failed one`, async () => {
    await using server = await RegistryServer.start()
    server.intercept = ({ socket }) => socket.end(answer) !== undefined
    await assert.rejects(Exchange.open(server.url, { ...get, signal: patience() }), HostError)
  })
}

test('a name whose every address refuses is a failure with a reason', async () => {
  await using server = await RegistryServer.start()
  const { port } = server.url
  await server[Symbol.asyncDispose]()
  const opened = Exchange.open(new URL(`http://localhost:${port}`), { ...get, signal: patience() })
  await assert.rejects(opened, (error: unknown) => error instanceof HostError && /ECONNREFUSED/.test(error.message))
})

test('ports that browsers shun are ports like others', async () => {
  await using server = await RegistryServer.start({ host: '127.0.0.77', port: 6000 })
  await using exchange = await Exchange.open(server.url, { ...get, signal: patience() })
  assert.equal(exchange.status, 404)
})

for (const status of [301, 302, 303, 307, 308]) {
  test(`a redirect by ${status} is followed, from one to the next, with the headers of the request`, async () => {
    await using server = await RegistryServer.start()
    server.intercept = ({ url }, response) => {
      const location = { '/': '/next', '/next': new URL('/end', server.url).href }[url ?? '']
      if (location === undefined) response.end()
      else response.writeHead(status, { location }).end()
      return true
    }
    const headers = { range: 'bytes=5-', authorization: 'Basic eA==' }
    await using exchange = await Exchange.open(server.url, { method: 'HEAD', headers, signal: patience() })
    assert.equal(exchange.status, 200)
    assert.deepEqual(
      server.requests.map(({ method, url, headers }) => [method, url, headers.range, headers.authorization]),
      ['/', '/next', '/end'].map(url => ['HEAD', url, headers.range, headers.authorization]),
    )
  })
}

for (const location of ['/', 'ftp://127.0.0.1/', 'http://']) {
  test(`redirects to ${location} without end are given up`, async () => {
    await using server = await RegistryServer.start()
    server.intercept = (_, response) => response.writeHead(307, { location }).end() !== undefined
    await assert.rejects(Exchange.open(server.url, { ...get, signal: patience() }), HostError)
    assert.ok(server.requests.length <= 11)
  })
}

test('a body over the limit is refused', async () => {
  await using server = await RegistryServer.start()
  server.intercept = (_, response) => response.end('0123456789') !== undefined
  await using exact = await Exchange.open(server.url, { ...get, signal: patience() })
  assert.equal((await exact.read(10)).toString(), '0123456789')
  await using over = await Exchange.open(server.url, { ...get, signal: patience() })
  await assert.rejects(over.read(9), HostError)
})

test('an abort while waiting for the head rejects with its reason', async () => {
  await using server = await RegistryServer.start()
  const stop = new AbortController()
  const reason = new Error('given up')
  server.intercept = () => {
    stop.abort(reason)
    return true
  }
  await assert.rejects(Exchange.open(server.url, { ...get, signal: stop.signal }), reason)
})

test('a response that is not read is given up when it is disposed of', async () => {
  await using server = await RegistryServer.start()
  const closed = Promise.withResolvers<void>()
  server.intercept = (_, response) => {
    response.writeHead(200).write('endless')
    once(response, 'close').then(() => closed.resolve(), closed.reject)
    return true
  }
  {
    await using exchange = await Exchange.open(server.url, { ...get, signal: patience() })
    assert.equal(exchange.status, 200)
  }
  await closed.promise
})
