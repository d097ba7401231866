import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { readFile } from 'node:fs/promises'
import http from 'node:http'
import https from 'node:https'
import { createServer, type Server, type Socket } from 'node:net'
import path from 'node:path'
import { describe, test } from 'node:test'
import * as fc from 'fast-check'
import { registries } from '../../test/arbitraries/references.ts'
import { patience } from '../../test/contracts/store-contract.ts'
import { RegistryServer } from '../../test/fakes/registry-server.ts'
import { temporaryDirectory } from '../../test/temporary-directory.ts'
import { isRegistry } from '../oci/names.ts'
import { parseRegistryUrl } from '../oci/registry-url.ts'
import { createRegistryProbe, type ProbeResult } from './registry-probe.ts'

interface Asked {
  readonly url: string
  readonly timeoutMs?: number
  readonly signal?: AbortSignal
}

/** Probes a registry that the operator has named by its URL. */
function probeNamed({ url, signal = patience(), timeoutMs = 30_000 }: Asked): Promise<ProbeResult> {
  const named = [parseRegistryUrl(url)]
  const probe = createRegistryProbe({ resolveName: async () => ['127.0.0.1'] }, { named, timeoutMs })
  return probe(named[0]?.registry ?? '', { signal })
}

async function listen(server: Server): Promise<{ readonly host: string; readonly port: number } & AsyncDisposable> {
  const sockets = new Set<Socket>()
  server.on('connection', (socket: Socket) => sockets.add(socket))
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  if (address === null || typeof address === 'string') throw new TypeError('no port')
  return {
    host: `127.0.0.1:${address.port}`,
    port: address.port,
    async [Symbol.asyncDispose]() {
      server.close()
      for (const socket of sockets) socket.destroy()
      await once(server, 'close')
    },
  }
}

describe('a registry', () => {
  for (const status of [200, 301, 401, 403, 404, 429]) {
    test(`answers where it says ${status}`, async () => {
      await using registry = await RegistryServer.start()
      registry.intercept = (_, response) => {
        response.writeHead(status, { location: '/elsewhere', 'www-authenticate': 'Bearer realm="here"' }).end('{}')
        return true
      }
      assert.deepEqual(await probeNamed({ url: registry.url.origin }), { kind: 'answers' })
      const [request, ...more] = registry.requests
      assert.deepEqual([request?.method, request?.url, more], ['GET', '/v2/', []])
      assert.deepEqual(Object.keys(request?.headers ?? {}).toSorted(), ['connection', 'host', 'user-agent'])
    })
  }

  for (const status of [500, 502, 503]) {
    test(`is silent where it says ${status}`, async () => {
      await using registry = await RegistryServer.start()
      registry.intercept = (_, response) => {
        response.writeHead(status).end()
        return true
      }
      const silent = { kind: 'silent', reason: `status ${status}` }
      assert.deepEqual(await probeNamed({ url: registry.url.origin }), silent)
    })
  }

  test('is silent where nobody listens', async () => {
    const server = await listen(createServer())
    await server[Symbol.asyncDispose]()
    const result = await probeNamed({ url: `https://${server.host}` })
    assert.ok(result.kind === 'silent' && result.reason.includes('ECONNREFUSED'), JSON.stringify(result))
  })

  test('is silent where it hangs up, wants another protocol, or says nothing in time', async () => {
    await using rude = await listen(createServer(socket => socket.end()))
    const result = await probeNamed({ url: `http://${rude.host}` })
    assert.equal(result.kind, 'silent')
    const upgrade = 'HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: other\r\n\r\n'
    await using other = await listen(createServer(socket => socket.on('data', () => socket.write(upgrade))))
    assert.equal((await probeNamed({ url: `http://${other.host}` })).kind, 'silent')
    await using mute = await listen(createServer())
    const late = await probeNamed({ url: `http://${mute.host}`, timeoutMs: 20 })
    assert.ok(late.kind === 'silent' && late.reason.includes('timeout'), JSON.stringify(late))
  })

  test('is silent where its name has no address', async () => {
    const resolvers = [async () => [], () => Promise.reject(new Error('registry.example has no address'))]
    for (const resolveName of resolvers) {
      const probe = createRegistryProbe({ resolveName }, { named: [] })
      const result = await probe('registry.example', { signal: patience() })
      assert.deepEqual(result, { kind: 'silent', reason: 'registry.example has no address' })
    }
  })

  test('answers where it speaks plain HTTP on a port that is asked by https', async () => {
    await using registry = await RegistryServer.start()
    assert.deepEqual(await probeNamed({ url: `https://${registry.url.host}` }), { kind: 'answers' })
  })

  test('answers where it refuses the handshake', async () => {
    await using server = await listen(https.createServer({}))
    assert.deepEqual(await probeNamed({ url: `https://${server.host}` }), { kind: 'answers' })
  })

  test('answers whoever has signed its certificate', async context => {
    await using directory = await temporaryDirectory()
    const files = [path.join(directory.path, 'key'), path.join(directory.path, 'crt')] as const
    const args = ['-newkey', 'ed25519', '-nodes', '-keyout', files[0], '-out', files[1], '-subj', '/CN=other']
    if (spawnSync('openssl', ['req', '-x509', ...args]).status !== 0) {
      context.skip('needs openssl')
      return
    }
    const [key, cert] = await Promise.all(files.map(file => readFile(file)))
    const targets: (string | undefined)[] = []
    await using server = await listen(
      https.createServer({ key, cert }, ({ url }, response) => {
        targets.push(url)
        response.writeHead(401).end()
      }),
    )
    assert.deepEqual(await probeNamed({ url: `https://${server.host}` }), { kind: 'answers' })
    assert.deepEqual(targets, ['/v2/'])
  })

  test('is given up as soon as the caller says so', async () => {
    await using mute = await listen(createServer())
    const stop = new AbortController()
    const probing = probeNamed({ url: `http://${mute.host}`, signal: stop.signal })
    stop.abort(new Error('enough'))
    assert.deepEqual(await probing, { kind: 'silent', reason: 'enough' })
  })
})

/** What a proxy is asked for while `registry` is probed through it; it has nothing to give. */
async function askedOfProxy(registry: string, env: NodeJS.ProcessEnv): Promise<readonly unknown[]> {
  const asked: unknown[] = []
  const server = http.createServer(({ url }, response) => {
    asked.push(url)
    response.writeHead(502).end()
  })
  server.on('connect', ({ url }, socket) => {
    asked.push(url)
    socket.end('HTTP/1.1 502 Bad Gateway\r\n\r\n')
  })
  await using proxy = await listen(server)
  const proxyEnv = { HTTPS_PROXY: `http://${proxy.host}`, ...env }
  const probe = createRegistryProbe({ resolveName: async () => [] }, { named: [], proxyEnv })
  assert.equal((await probe(registry, { signal: patience() })).kind, 'silent')
  return asked
}

describe('a proxy', () => {
  test('is used, on this node as well, and Docker Hub is asked for by the name it answers at', async () => {
    assert.deepEqual(await askedOfProxy('registry.example:5000', {}), ['registry.example:5000'])
    assert.deepEqual(await askedOfProxy('docker.io', {}), ['registry-1.docker.io:443'])
  })

  test('is left alone for what needs none', async () => {
    assert.deepEqual(await askedOfProxy('registry.example', { NO_PROXY: '.example' }), [])
  })
})

describe('what would lead into this node', () => {
  const addresses = [
    '127.0.0.1',
    '127.9.9.9',
    '0.0.0.0',
    '169.254.169.254',
    'fd00:ec2::254',
    '::1',
    '::',
    'fe80::1',
    '::ffff:127.0.0.1',
  ]
  const names = [
    ...addresses.map(address => (address.includes(':') ? `[${address}]:443` : address)),
    'localhost',
    'localhost:5000',
    '0x7f.1',
    '0177.0.0.1',
    '127.1',
    '256.256.256.256',
  ]
  for (const name of names) {
    test(`is not probed: ${name}`, async () => {
      assert.ok(isRegistry(name))
      const probe = createRegistryProbe({ resolveName: async () => ['127.0.0.1'] }, { named: [] })
      assert.deepEqual(await probe(name, { signal: patience() }), { kind: 'off_limits' })
    })
  }

  test('is not connected to, whatever the registry is called', async () => {
    let connections = 0
    await using server = await listen(createServer(() => void (connections += 1)))
    const one = fc.constantFrom(...addresses)
    await fc.assert(
      fc.asyncProperty(registries, fc.array(one, { minLength: 1, maxLength: 3 }), async (registry, found) => {
        const target = `${registry.replace(/:[0-9]+$/, '')}:${server.port}`
        const named = [parseRegistryUrl('http://registry.example')]
        const probe = createRegistryProbe({ resolveName: async () => found }, { named, timeoutMs: 1000 })
        // An address is not looked up, and what others have is theirs.
        fc.pre(!/^\[|^[0-9.]+:/.test(target))
        assert.deepEqual(await probe(target, { signal: patience() }), { kind: 'off_limits' })
      }),
    )
    assert.equal(connections, 0)
  })

  test('is probed where the operator has named it', async () => {
    await using registry = await RegistryServer.start()
    assert.equal((await probeNamed({ url: `http://localhost:${registry.url.port}` })).kind, 'answers')
    assert.equal((await probeNamed({ url: `http://127.0.0.1:${registry.url.port}` })).kind, 'answers')
  })
})
