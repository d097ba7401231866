/** A case that never ends, for what must hold when it is killed. Prints the namespaces of its sandbox once a cluster is up. */
import { readlink } from 'node:fs/promises'
import process from 'node:process'
import { setInterval } from 'node:timers'
import { startCluster } from './cluster.ts'
import { containerdBinaries } from './containerd-binary.ts'
import { enterSandbox, isSandboxed } from './sandbox.ts'

const FOREVER_MS = 1_000_000

if (isSandboxed()) {
  const [binary] = containerdBinaries()
  if (binary === undefined) throw new Error('containerd is not installed')
  const cluster = await startCluster(binary, { nodes: 1, mirror: false })
  setInterval(() => cluster.outputs(), FOREVER_MS)
  const namespaces = await Promise.all(['pid', 'mnt', 'net'].map(async kind => await readlink(`/proc/self/ns/${kind}`)))
  process.stdout.write(`${JSON.stringify(namespaces)}\n`)
} else enterSandbox()
