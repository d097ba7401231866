import { type Identify, identify } from '@libp2p/identify'
import type { Libp2p, PrivateKey } from '@libp2p/interface'
import { noise } from '@libp2p/noise'
import { ping } from '@libp2p/ping'
import { tcp } from '@libp2p/tcp'
import { yamux } from '@libp2p/yamux'
import { createLibp2p } from 'libp2p'
import { announcedEndpoints, isWildcard, type ListenAddress } from './announced-endpoints.ts'
import { expectClosing } from './closing-connection.ts'
import { RouterListenError } from './errors.ts'
import { gatherFrames } from './gathered-frames.ts'
import { lazyTls } from './lazy-tls.ts'
import { noiseCrypto } from './noise-crypto.ts'
import { privateNetwork } from './private-network.ts'
import { endpointOf, formatEndpoint, multiaddrOf } from './router-address.ts'
import { limitStreams, MAX_OPEN_STREAMS } from './stream-limits.ts'
import { type TwinListener, watchForTwins } from './twins.ts'
import { writeWhole } from './whole-writes.ts'

/** Go Spegel's protocol id for the standard kad-dht messages. */
export const KAD_PROTOCOL = '/spegel/kad/1.0.0'
/** What this node's own kind speaks beside it. */
export const RECORDS_PROTOCOL = '/spegel/records/1.0.0'

/** How often yamux makes sure of a connection. TCP gives one up on which nothing happens for two minutes. */
const KEEP_ALIVE_MS = 60_000
/** A last resort: `connections.ts` keeps far fewer, and chooses better which to close. */
const MAX_CONNECTIONS = 512
/** Inbound connections in the middle of their handshake. */
const MAX_PENDING_INBOUND = 128
/** Inbound connections a second from one address. Several nodes may share one (loopback, NAT). */
const MAX_INBOUND_PER_SECOND = 100

export interface NodeOptions {
  readonly listen: ListenAddress
  /** Whose id this node has; default: a new Ed25519 key. */
  readonly identity?: PrivateKey
  /** 32 bytes that a peer must have too; default: anyone may connect. */
  readonly networkKey?: Uint8Array
  /** Told where another node has the same id; default: nobody. */
  readonly onTwin?: TwinListener
}

/** The assembled libp2p. */
export type MeshNode = Libp2p<{ readonly identify: Identify }>

/**
 * Assembles libp2p (TCP, Noise and TLS, yamux, identify, ping). The node is not started: protocols are registered first, so
 * that the first identify already names them; {@link startNode} follows.
 */
export async function createNode(options: NodeOptions): Promise<MeshNode> {
  const { listen, identity, networkKey, onTwin = () => {} } = options
  const hosts = listen.host === '' ? ['0.0.0.0', '::'] : [listen.host]
  return createLibp2p({
    start: false,
    ...(identity === undefined ? {} : { privateKey: identity }),
    addresses: {
      listen: hosts.map(host => multiaddrOf({ host, port: listen.port }).toString()),
      // libp2p itself would withhold public addresses until AutoNAT has confirmed them, which nobody does here.
      announceFilter: addresses => {
        const port = listen.port === 0 ? addresses.map(endpointOf)[0]?.port : listen.port
        return port === undefined ? [] : announcedEndpoints({ ...listen, port }).map(endpoint => multiaddrOf(endpoint))
      },
    },
    transports: [tcp({ dialOpts: dialOptions(listen) })],
    ...(networkKey === undefined ? {} : { connectionProtector: privateNetwork(networkKey) }),
    // In order of preference: TLS costs twice as much.
    connectionEncrypters: [
      watchForTwins(writeWhole(noise({ crypto: noiseCrypto })), onTwin),
      watchForTwins(lazyTls(), onTwin),
    ],
    streamMuxers: [
      expectClosing(
        gatherFrames(limitStreams(yamux({ maxEarlyStreams: MAX_OPEN_STREAMS, keepAliveInterval: KEEP_ALIVE_MS }))),
      ),
    ],
    // Members are pinged over their kad stream, which also keeps that stream from idling out.
    connectionMonitor: { enabled: false },
    connectionManager: {
      maxConnections: MAX_CONNECTIONS,
      maxIncomingPendingConnections: MAX_PENDING_INBOUND,
      inboundConnectionThreshold: MAX_INBOUND_PER_SECOND,
    },
    services: {
      // A connection to someone known needs none: whoever has a use for the answer asks.
      identify: identify({ runOnConnectionOpen: false }),
      ping: ping(),
    },
  })
}

/**
 * A router that listens at one address connects from there too: its peers see by the source of the connection that the
 * address it announces is its own, and need not dial back.
 */
function dialOptions({ host }: ListenAddress) {
  return { keepAlive: true, ...(isWildcard(host) ? {} : { localAddress: host }) }
}

/**
 * Starts listening. Where that fails the node is still to be stopped.
 * @throws {RouterListenError}
 */
export async function startNode(node: Libp2p, listen: ListenAddress): Promise<void> {
  try {
    await node.start()
  } catch (error) {
    throw new RouterListenError(formatEndpoint(listen), { cause: error })
  }
}
