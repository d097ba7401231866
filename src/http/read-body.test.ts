import assert from 'node:assert/strict'
import { test } from 'node:test'
import { RawClient } from '../../test/http/raw-client.ts'
import { serve } from '../../test/http/server-rig.ts'
import { sendBytes } from './body.ts'
import { RequestBodyError } from './errors.ts'
import type { Exchange } from './exchange.ts'
import { readBody } from './read-body.ts'

const MAX_BYTES = 100
/** How a body is said to come. */
type Framing = 'length' | 'chunked'

function post(body: string, framing: Framing): string {
  const head = `POST / HTTP/1.1\r\nhost: node\r\nconnection: close\r\n`
  if (framing === 'length') return `${head}content-length: ${body.length}\r\n\r\n${body}`
  return `${head}transfer-encoding: chunked\r\n\r\n${body.length.toString(16)}\r\n${body}\r\n0\r\n\r\n`
}

/** A server that says how long the body was, or what was wrong with it. */
async function listening() {
  const ended = Promise.withResolvers<string>()
  const handler = async (exchange: Exchange): Promise<void> => {
    let said: string
    try {
      said = `read ${(await readBody(exchange.request, MAX_BYTES)).length}`
    } catch (error) {
      said = error instanceof RequestBodyError ? error.message : String(error)
    }
    ended.resolve(said)
    await sendBytes(exchange, { status: 200, headers: {}, body: `<${said}>` })
  }
  const server = await serve({ handler })
  return { server, ended: ended.promise, [Symbol.asyncDispose]: () => server[Symbol.asyncDispose]() }
}

for (const framing of ['length', 'chunked'] as const) {
  test(`a body by ${framing} of as many bytes as may be is read whole`, async () => {
    await using at = await listening()
    using client = await RawClient.connect(at.server.address)
    client.send(post('x'.repeat(MAX_BYTES), framing))
    await client.receive(`<read ${MAX_BYTES}>`)
  })

  for (const bytes of [MAX_BYTES + 1, 1_000_000]) {
    test(`a body by ${framing} of ${bytes} bytes is refused, and the client is told so`, async () => {
      await using at = await listening()
      using client = await RawClient.connect(at.server.address)
      client.send(post('x'.repeat(bytes), framing))
      await client.receive(`<request body is longer than ${MAX_BYTES} bytes>`)
      assert.equal(await client.ending, 'fin')
    })
  }
}

test('no body is an empty one', async () => {
  await using at = await listening()
  using client = await RawClient.connect(at.server.address)
  client.send('POST / HTTP/1.1\r\nhost: node\r\n\r\n')
  await client.receive('<read 0>')
})

test('a body that breaks off is an error of the request', async () => {
  await using at = await listening()
  using client = await RawClient.connect(at.server.address)
  client.send('POST / HTTP/1.1\r\nhost: node\r\ncontent-length: 50\r\n\r\nhalf of it')
  await new Promise(resolve => setImmediate(resolve))
  client.socket.resetAndDestroy()
  assert.equal(await at.ended, 'request body broke off')
})
