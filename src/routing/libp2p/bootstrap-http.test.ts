import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { copyFile, mkdir, readFile, writeFile } from 'node:fs/promises'
import http, { type RequestListener } from 'node:http'
import https from 'node:https'
import type { Server } from 'node:net'
import path from 'node:path'
import { test } from 'node:test'
import { patience } from '../../../test/contracts/store-contract.ts'
import { MemoryLog } from '../../../test/fakes/memory-log.ts'
import { temporaryDirectory } from '../../../test/temporary-directory.ts'
import { dispatch } from '../../http/dispatch.ts'
import { startHttpServer } from '../../http/server.ts'
import { createMetrics } from '../../observability/metrics.ts'
import { httpBootstrapper, httpBootstrapRoutes } from './bootstrap-http.ts'

const ID = '12D3KooWF2mn5bg2MorVRwxE5JKjNh85QsGdUf4E5rmg8L7BKBV9'
const ANSWER = '10.0.0.1'
const PEERS = [{ id: undefined, endpoints: [{ host: '10.0.0.1', port: 5001 }] }]

async function listen(server: Server): Promise<{ readonly host: string } & AsyncDisposable> {
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  const port = typeof address === 'object' ? address?.port : undefined
  return {
    host: `127.0.0.1:${port}`,
    async [Symbol.asyncDispose]() {
      server.close()
      await once(server, 'close')
    },
  }
}

function peers(url: string, certDirectory?: string) {
  const options = { url: new URL(url), defaultPort: 5001, ...(certDirectory === undefined ? {} : { certDirectory }) }
  return httpBootstrapper(options).peers({ signal: patience() })
}

test('a node is found by what another serves under /id', async () => {
  const log = new MemoryLog()
  const endpoints = [{ host: '10.0.0.1', port: 5001 }]
  const routes = httpBootstrapRoutes({ peerId: ID, endpoints })
  await using server = await startHttpServer(
    { handler: dispatch({ routes, metrics: createMetrics(), log }), log },
    { name: 'bootstrap', listen: { host: '127.0.0.1', port: 0 } },
  )
  const { host, port } = server.address
  assert.deepEqual(await peers(`http://${host}:${port}/id`), [{ id: ID, endpoints }])
})

const UNUSABLE: readonly { readonly name: string; readonly listener: RequestListener; readonly reason: RegExp }[] = [
  {
    name: 'another status',
    listener: (_, response) => response.writeHead(503).end(ANSWER),
    reason: /^unusable bootstrap answer from http:\/\/127\.0\.0\.1:\d+\/path: status 503$/,
  },
  {
    name: 'an answer without end',
    listener: (_, response) => {
      const more = (): void => {
        while (response.write('10.0.0.1\n'.repeat(1000)));
      }
      response.on('drain', more)
      more()
    },
    reason: /: more than 65536 bytes$/,
  },
  {
    name: 'a web page',
    listener: (_, response) => response.end('<html>\n</html>'),
    reason: /: invalid bootstrap peer /,
  },
]
for (const { name, listener, reason } of UNUSABLE) {
  test(`${name} is an error that names the URL, without its password, and the reason`, async () => {
    await using server = await listen(http.createServer(listener))
    await assert.rejects(peers(`http://user:secret@${server.host}/path?key=secret`), {
      code: 'BOOTSTRAP_ANSWER',
      message: reason,
    })
  })
}

test('an answer that breaks off and a server that is not there are errors', async () => {
  const server = await listen(
    http.createServer((_, response) => {
      response.writeHead(200, { 'content-length': 100 }).write(ANSWER, () => response.destroy())
    }),
  )
  await assert.rejects(peers(`http://${server.host}`), { code: 'ECONNRESET' })
  await server[Symbol.asyncDispose]()
  await assert.rejects(peers(`http://${server.host}`), { code: 'ECONNREFUSED' })
})

/** A certificate for 127.0.0.1 that is its own authority, and serves as that of a client too. */
function makeCertificate(directory: string): boolean {
  const files = ['-keyout', path.join(directory, 'tls.key'), '-out', path.join(directory, 'tls.crt')]
  const subject = ['-subj', '/CN=spegel', '-addext', 'subjectAltName=IP:127.0.0.1', '-days', '2']
  return spawnSync('openssl', ['req', '-x509', '-newkey', 'ed25519', '-nodes', ...files, ...subject]).status === 0
}

test('a server is trusted by the authority in the directory of certificates, and shown the certificate there', async context => {
  await using temporary = await temporaryDirectory()
  const directory = temporary.path
  if (!makeCertificate(directory)) {
    context.skip('needs openssl')
    return
  }
  const [key, cert] = await Promise.all(['tls.key', 'tls.crt'].map(name => readFile(path.join(directory, name))))
  const tls = { key, cert, ca: cert, requestCert: true, rejectUnauthorized: true }
  await using server = await listen(https.createServer(tls, (_, response) => response.end(ANSWER)))
  const url = `https://${server.host}/`
  await assert.rejects(peers(url), { code: 'DEPTH_ZERO_SELF_SIGNED_CERT' })
  await assert.rejects(peers(url, directory), { code: 'DEPTH_ZERO_SELF_SIGNED_CERT' })
  await copyFile(path.join(directory, 'tls.crt'), path.join(directory, 'ca.crt'))
  assert.deepEqual(await peers(url, directory), PEERS)
})

test('a directory with half a key pair, and one with an unreadable file, are errors', async () => {
  await using directory = await temporaryDirectory()
  await writeFile(path.join(directory.path, 'tls.crt'), 'certificate')
  await assert.rejects(peers('https://127.0.0.1:1', directory.path), {
    message: `${directory.path} has only one of tls.crt and tls.key: want both or none`,
  })
  await mkdir(path.join(directory.path, 'ca.crt'))
  await assert.rejects(peers('https://127.0.0.1:1', directory.path), { code: 'EISDIR' })
})
