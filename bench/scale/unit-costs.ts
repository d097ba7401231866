import { randomBytes } from 'node:crypto'
import { setTimeout as delay } from 'node:timers/promises'
import type { Connection } from '@libp2p/interface'
import { createLog } from '../../src/observability/log.ts'
import { systemClock } from '../../src/routing/clock.ts'
import { createNode, RECORDS_PROTOCOL, startNode } from '../../src/routing/libp2p/node.ts'
import { OwnPeer } from '../../src/routing/libp2p/own-peer.ts'
import { PeerLimits } from '../../src/routing/libp2p/peer-limits.ts'
import { ProviderRecords } from '../../src/routing/libp2p/provider-records.ts'
import type { Hello } from '../../src/routing/libp2p/records-message.ts'
import { RecordsServer } from '../../src/routing/libp2p/records-server.ts'
import { RecordsStream } from '../../src/routing/libp2p/records-stream.ts'
import { multiaddrOf } from '../../src/routing/libp2p/router-address.ts'
import { serveStream } from '../../src/routing/libp2p/stream-service.ts'
import { acceptsConnections } from '../../src/routing/libp2p/tcp-probe.ts'

/** CPU time of one side, in milliseconds. */
export interface UnitCosts {
  /** A connection, from dialling it to the first message with a record that is confirmed. */
  readonly connectionMs: number
  /** A message with one record on an open stream. */
  readonly messageMs: number
  /** One more record in it. */
  readonly recordMs: number
  /** A probe whether a member still listens. */
  readonly probeMs: number
}

const WARM_UP = 50
const CONNECTIONS = 150
const MESSAGES = 2000
const RECORDS = { messages: 40, each: 500 }
const PROBES = 200
/** Fewer a second than one address may open. */
const PAUSE_MS = 12
const HELLO: Hello = { type: 'hello', registryPort: 5000, process: 1 }
const { signal } = new AbortController()

function keys(count: number): readonly Uint8Array[] {
  return Array.from({ length: count }, () => Buffer.concat([Buffer.from([0x12, 0x20]), randomBytes(32)]))
}

/** CPU time that each of `count` times costs each of the two sides, which both run in this process. */
async function cpuMsOfOneSide(count: number, once: () => Promise<void>): Promise<number> {
  const before = process.cpuUsage()
  for (let done = 0; done < count; done++) await once()
  const { user, system } = process.cpuUsage(before)
  return (user + system) / 1000 / count / 2
}

/** Measures two real nodes, each with an address of its own. */
export async function measureUnitCosts(): Promise<UnitCosts> {
  const log = createLog('ERROR')
  const clock = systemClock
  const limits = new PeerLimits(clock)
  const records = new ProviderRecords({ clock, random: Math.random, gauge: { set: () => {} } })
  const server = new RecordsServer({ records, limits, hello: HELLO, met() {}, removed() {}, gone() {} })
  const [listenFrom, listenTo] = [
    { host: '127.0.0.1', port: 0 },
    { host: '127.0.0.2', port: 0 },
  ]
  const [from, to] = [await createNode({ listen: listenFrom }), await createNode({ listen: listenTo })]
  await to.handle(RECORDS_PROTOCOL, (stream, connection) =>
    serveStream({ log, limits }, server, { stream, connection }),
  )
  await startNode(from, listenFrom)
  await startNode(to, listenTo)
  const own = new OwnPeer({ node: from, clock })
  const [endpoint] = new OwnPeer({ node: to, clock }).endpoints
  if (endpoint === undefined) throw new Error('not listening')

  const connect = async (): Promise<{ readonly connection: Connection; readonly stream: RecordsStream }> => {
    const connection = await from.dial(multiaddrOf(endpoint, to.peerId.toString()), { force: true })
    const open = () => connection.newStream(RECORDS_PROTOCOL)
    return { connection, stream: new RecordsStream(open, { peer: 'other side', hello: HELLO }) }
  }
  const add = async (stream: RecordsStream, count: number): Promise<void> => {
    await stream.add(keys(count), own.kadPeer.addresses, { signal })
  }
  const connectOnce = async (): Promise<void> => {
    const { connection, stream } = await connect()
    await add(stream, 1)
    connection.abort(new Error('measured'))
    await delay(PAUSE_MS)
  }
  await cpuMsOfOneSide(WARM_UP, connectOnce)
  const connectionMs = await cpuMsOfOneSide(CONNECTIONS, connectOnce)
  const { stream } = await connect()
  await cpuMsOfOneSide(WARM_UP, () => add(stream, 1))
  const messageMs = await cpuMsOfOneSide(MESSAGES, () => add(stream, 1))
  const bulkMs = await cpuMsOfOneSide(RECORDS.messages, () => add(stream, RECORDS.each))
  const probeMs = await cpuMsOfOneSide(PROBES, async () => {
    await acceptsConnections(endpoint, { signal })
    await delay(PAUSE_MS)
  })
  for (const connection of [...from.getConnections(), ...to.getConnections()]) connection.abort(new Error('measured'))
  await Promise.all([from.stop(), to.stop()])
  return { connectionMs, messageMs, recordMs: (bulkMs - messageMs) / RECORDS.each, probeMs }
}
