/**
 * What can be had of a node from where this runs: it asks over HTTP and dials as a libp2p node without a key and with
 * another, and prints what came of it as JSON.
 *
 * Run: node probe-node.ts '{"requests":[{"url":…,"method":…,"headers":…}],"dial":"ADDRESS:PORT"}'
 */
import { createHash } from 'node:crypto'
import process from 'node:process'
import { createNode, startNode } from '../../src/routing/libp2p/node.ts'
import { multiaddrOf } from '../../src/routing/libp2p/router-address.ts'
import type { Probe, ProbeAnswer, ProbeResult } from './probe.ts'

const REQUEST_TIMEOUT_MS = 10_000
const DIAL_TIMEOUT_MS = 10_000
/** What is refused or counted is shorter. */
const MAX_TEXT_BYTES = 64 * 1024
const OTHER_KEY = Buffer.alloc(32, 7)
const LISTEN = { host: '0.0.0.0', port: 0 }

async function ask({ url, method = 'GET', headers = {}, body }: Probe): Promise<ProbeAnswer> {
  const signal = AbortSignal.timeout(REQUEST_TIMEOUT_MS)
  const response = await fetch(url, { method, headers, signal, ...(body === undefined ? {} : { body }) })
  const content = Buffer.from(await response.arrayBuffer())
  const sha256 = createHash('sha256').update(content).digest('hex')
  const told = [...response.headers].map(([name, value]) => `${name}: ${value}`)
  return {
    url,
    method,
    status: response.status,
    bytes: content.length,
    sha256,
    text: [...told, content.subarray(0, MAX_TEXT_BYTES)].join('\n'),
  }
}

/** What a dial ends with. */
async function dial(address: string, networkKey: Uint8Array | undefined): Promise<string> {
  const [host = '', port] = address.split(':')
  const node = await createNode({ listen: LISTEN, ...(networkKey === undefined ? {} : { networkKey }) })
  await startNode(node, LISTEN)
  try {
    await node.dial(multiaddrOf({ host, port: Number(port) }), { signal: AbortSignal.timeout(DIAL_TIMEOUT_MS) })
    return 'connected'
  } catch (error) {
    return `refused: ${String(error)}`
  } finally {
    await node.stop()
  }
}

const { requests, dial: address } = JSON.parse(process.argv[2] ?? '{}')
const answers: ProbeAnswer[] = []
for (const request of requests) answers.push(await ask(request))
const dials = address === undefined ? [] : [await dial(address, undefined), await dial(address, OTHER_KEY)]
const result: ProbeResult = { answers, dials }
// Connections that are kept for further requests would keep this process too.
// oxlint-disable-next-line no-process-exit
process.stdout.write(JSON.stringify(result), () => process.exit(0))
