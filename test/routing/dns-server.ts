import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { createServer, isIPv4 } from 'node:net'

const HEADER_BYTES = 12
const TYPE_A = 1
const TYPE_AAAA = 28
const MAX_UDP_BYTES = 512
const FLAGS = { answer: 0x8180, truncated: 0x8380 } as const
const CODES = { found: 0, failure: 2, missing: 3 } as const

/** What the server says of a name: its addresses, or that it fails, or nothing at all. */
export type DnsAnswer = readonly string[] | 'failure' | 'silence'

/** A real DNS server for A and AAAA records, over UDP and, for what is longer than 512 bytes, TCP. */
export class DnsServer implements AsyncDisposable {
  /** Name with its final dot → answer. Other names are not there. */
  readonly names = new Map<string, DnsAnswer>()
  /** Every question that came: transport, type and name. */
  readonly questions: string[] = []
  readonly #udp = createSocket('udp4')
  readonly #tcp = createServer(socket => {
    let received = Buffer.alloc(0)
    socket.on('error', () => {})
    socket.on('data', data => {
      received = Buffer.concat([received, data])
      if (received.length < 2 || received.length < 2 + received.readUInt16BE()) return
      const answer = this.#answer(received.subarray(2), 'tcp')
      if (answer === undefined) return
      const length = Buffer.alloc(2)
      length.writeUInt16BE(answer.length)
      socket.end(Buffer.concat([length, answer]))
    })
  })

  /** @param port default: any; who asks by resolv.conf(5) asks at 53 */
  static async start(host: string, port = 0): Promise<DnsServer> {
    const server = new DnsServer()
    server.#tcp.listen(port, host)
    await once(server.#tcp, 'listening')
    server.#udp.bind(server.#port, host)
    await once(server.#udp, 'listening')
    server.#udp.on('message', (message, { address, port }) => {
      const answer = server.#answer(message, 'udp')
      if (answer !== undefined) server.#udp.send(answer, port, address)
    })
    return server
  }

  /** As resolvers take it. */
  get address(): string {
    return `${this.#udp.address().address}:${this.#port}`
  }

  get #port(): number {
    const address = this.#tcp.address()
    if (address === null || typeof address === 'string') throw new Error('not listening')
    return address.port
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#udp.close()
    this.#tcp.close()
    await once(this.#tcp, 'close')
  }

  #answer(query: Buffer, transport: 'udp' | 'tcp'): Buffer | undefined {
    const { name, type, end } = parseQuestion(query)
    this.questions.push(`${transport} ${type === TYPE_A ? 'A' : 'AAAA'} ${name}`)
    const known = this.names.get(name)
    if (known === 'silence') return undefined
    const addresses = typeof known === 'object' ? known.filter(ip => isIPv4(ip) === (type === TYPE_A)) : []
    const records = addresses.map(address => encodeRecord(address, type))
    const isTruncated = transport === 'udp' && end + Buffer.concat(records).length > MAX_UDP_BYTES
    const sent = isTruncated ? [] : records
    const header = Buffer.alloc(HEADER_BYTES)
    const code = known === undefined ? CODES.missing : known === 'failure' ? CODES.failure : CODES.found
    header.writeUInt16BE(query.readUInt16BE(0), 0)
    header.writeUInt16BE((isTruncated ? FLAGS.truncated : FLAGS.answer) | code, 2)
    header.writeUInt16BE(1, 4)
    header.writeUInt16BE(sent.length, 6)
    return Buffer.concat([header, query.subarray(HEADER_BYTES, end), ...sent])
  }
}

/** The one question of a query, and where it ends. */
function parseQuestion(query: Buffer): { readonly name: string; readonly type: number; readonly end: number } {
  let name = ''
  let offset = HEADER_BYTES
  for (let length = query.readUInt8(offset); length > 0; length = query.readUInt8(offset)) {
    name += `${query.toString('latin1', offset + 1, offset + 1 + length).toLowerCase()}.`
    offset += 1 + length
  }
  return { name, type: query.readUInt16BE(offset + 1), end: offset + 5 }
}

/** A record of the name in the question, for one minute. */
function encodeRecord(address: string, type: number): Buffer {
  const data =
    type === TYPE_AAAA ? Buffer.from(expandIpv6(address), 'hex') : Buffer.from(address.split('.').map(Number))
  const head = Buffer.alloc(12)
  head.writeUInt16BE(0xc000 + HEADER_BYTES, 0)
  head.writeUInt16BE(type, 2)
  head.writeUInt16BE(1, 4)
  head.writeUInt32BE(60, 6)
  head.writeUInt16BE(data.length, 10)
  return Buffer.concat([head, data])
}

function groups(text: string): readonly string[] {
  return text.split(':').filter(group => group !== '')
}

function expandIpv6(address: string): string {
  const [head = '', tail = ''] = address.split('::')
  const fill = 8 - groups(head).length - groups(tail).length
  return [...groups(head), ...Array<string>(fill).fill('0'), ...groups(tail)]
    .map(group => group.padStart(4, '0'))
    .join('')
}
