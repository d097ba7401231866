import { once } from 'node:events'
import { Agent, createServer, type IncomingMessage, request, type ServerResponse } from 'node:http'
import process from 'node:process'
import { CLAIMS_PATH, encodeAnswer, encodeClaim, parseAnswer, parseClaim } from '../../src/coalesce/claim.ts'
import { Coordinator } from '../../src/coalesce/coordinator.ts'
import { digestOf } from '../../src/oci/digest.ts'

const WARM_UP = 300
const CLAIMS = 1000

async function read(stream: AsyncIterable<Buffer>): Promise<Buffer> {
  const chunks: Buffer[] = []
  for await (const chunk of stream) chunks.push(chunk)
  return Buffer.concat(chunks)
}

/**
 * CPU time that a claim costs each side, in milliseconds: a POST on a connection of its own, and the answer. Both sides run
 * in this process.
 */
export async function measureClaim(): Promise<number> {
  const coordinator = new Coordinator({ clock: performance, isLive: () => true, closer: () => undefined })
  const answer = async (incoming: IncomingMessage, response: ServerResponse): Promise<void> => {
    const body = encodeAnswer(coordinator.claim(parseClaim(await read(incoming))))
    response.setHeader('content-type', 'application/json').end(body)
  }
  const server = createServer((incoming, response) => void answer(incoming, response))
  await once(server.listen(0, '127.0.0.1'), 'listening')
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('not listening')
  const agent = new Agent({ keepAlive: false })
  const claim = async (node: string): Promise<void> => {
    const digest = digestOf(Buffer.from('content'))
    const sent = request({ agent, host: '127.0.0.1', port: address.port, method: 'POST', path: CLAIMS_PATH })
    sent.end(encodeClaim({ node, digest, offset: 0, lost: [], stalled: [], behind: [], redirected: false }))
    const [response] = await once(sent, 'response')
    parseAnswer(await read(response))
  }
  for (let index = 0; index < WARM_UP; index += 1) await claim(`warm-up ${index}`)
  const before = process.cpuUsage()
  for (let index = 0; index < CLAIMS; index += 1) await claim(`node ${index}`)
  const { user, system } = process.cpuUsage(before)
  server.close()
  return (user + system) / 1000 / CLAIMS / 2
}
