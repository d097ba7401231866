import { mkdir, writeFile } from 'node:fs/promises'
import path from 'node:path'
import process from 'node:process'
import { ChildProgram } from '../../test/e2e/containerd/child-program.ts'
import type { TestHost } from '../../test/interop/network.ts'

const BUNDLE = path.resolve(import.meta.dirname, '../../dist/spegel.js')
/** Where the registry of a node listens. */
export const NODE_PORT = 5000
const ROUTER_PORT = 5001
const METRICS_PORT = 9090

export interface NodeOptions {
  /** A node to join. */
  readonly peer: TestHost
  /** What it serves from. */
  readonly store: readonly string[]
}

/** Our bundle on a host of the network. */
export function startNode(host: TestHost, { peer, store }: NodeOptions): ChildProgram {
  const flags = [
    'registry',
    '--log-level=WARN',
    `--registry-addr=${host.address}:${NODE_PORT}`,
    `--router-addr=${host.address}:${ROUTER_PORT}`,
    `--metrics-addr=${host.address}:${METRICS_PORT}`,
    '--bootstrap-kind=static',
    `--static-bootstrap-peers=/ip4/${peer.address}/tcp/${ROUTER_PORT}`,
    ...store,
  ]
  return ChildProgram.start('spegel', host.within([process.execPath, BUNDLE, ...flags]))
}

/** Bytes of content that a node had from peers so far. */
export async function bytesFromPeers({ address }: TestHost): Promise<number> {
  const text = await (await fetch(`http://${address}:${METRICS_PORT}/metrics`)).text()
  return Number(/^spegel_served_bytes_total\{source="peer"\} (\d+)$/m.exec(text)?.[1] ?? 0)
}

/** Lets a containerd ask `url` before the registry itself, which is the only one asked where there is none. */
export async function routeThrough(registryConfig: string, registry: string, url?: string): Promise<void> {
  const own = `http://${registry}`
  const hosts = url === undefined ? [own] : [url, own]
  const tables = hosts.map(host => `[host."${host}"]\n  capabilities = ["pull", "resolve"]\n`)
  await mkdir(path.join(registryConfig, registry), { recursive: true })
  await writeFile(path.join(registryConfig, registry, 'hosts.toml'), `server = "${own}"\n${tables.join('')}`)
}
