/**
 * What a libp2p handshake costs with each security protocol: CPU time of both sides together, halved, in this process.
 * Usage: node bench/handshake.ts [handshakes]
 */
import type { Libp2p } from '@libp2p/interface'
import { noise, pureJsCrypto } from '@libp2p/noise'
import { tcp } from '@libp2p/tcp'
import { tls } from '@libp2p/tls'
import { yamux } from '@libp2p/yamux'
import { createLibp2p } from 'libp2p'
import { noiseCrypto } from '../src/routing/libp2p/noise-crypto.ts'
import { privateNetwork } from '../src/routing/libp2p/private-network.ts'

const HANDSHAKES = Number(process.argv[2] ?? 200)
const WARM_UP = 30

type Security = Pick<NonNullable<Parameters<typeof createLibp2p>[0]>, 'connectionEncrypters' | 'connectionProtector'>

const ours = [noise({ crypto: noiseCrypto })]
const CANDIDATES: Readonly<Record<string, Security>> = {
  'Noise, node:crypto': { connectionEncrypters: ours },
  'the same in a private network': {
    connectionEncrypters: ours,
    connectionProtector: privateNetwork(Buffer.alloc(32)),
  },
  'Noise, library default': { connectionEncrypters: [noise()] },
  'Noise, JavaScript only': { connectionEncrypters: [noise({ crypto: pureJsCrypto })] },
  TLS: { connectionEncrypters: [tls()] },
}

async function start(security: Security): Promise<Libp2p> {
  return await createLibp2p({
    ...security,
    addresses: { listen: ['/ip4/127.0.0.1/tcp/0'] },
    transports: [tcp()],
    streamMuxers: [yamux()],
    connectionMonitor: { enabled: false },
    connectionManager: { inboundConnectionThreshold: 1e6, maxIncomingPendingConnections: 1e3 },
  })
}

async function handshakes(from: Libp2p, to: Libp2p, count: number): Promise<void> {
  const [address] = to.getMultiaddrs()
  if (address === undefined) throw new Error('not listening')
  for (let done = 0; done < count; done++) {
    const connection = await from.dial(address, { force: true })
    connection.abort(new Error('done'))
  }
}

const rows: string[] = []
for (const [name, security] of Object.entries(CANDIDATES)) {
  const [from, to] = [await start(security), await start(security)]
  await handshakes(from, to, WARM_UP)
  const before = process.cpuUsage()
  const startedAt = performance.now()
  await handshakes(from, to, HANDSHAKES)
  const { user, system } = process.cpuUsage(before)
  const cpuMs = (user + system) / 1000 / HANDSHAKES / 2
  const wallMs = (performance.now() - startedAt) / HANDSHAKES
  rows.push(`| ${name} | ${cpuMs.toFixed(2)} | ${wallMs.toFixed(2)} |`)
  await Promise.all([from.stop(), to.stop()])
}
process.stdout.write(['| security | CPU per side, ms | wall time, ms |', '| --- | --- | --- |', ...rows, ''].join('\n'))
