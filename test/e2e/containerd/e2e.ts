import { type TestContext, test } from 'node:test'
import { unlessInstalled } from '../program.ts'
import { type Cluster, type ClusterOptions, startCluster } from './cluster.ts'
import { type ContainerdBinary, containerdBinaries } from './containerd-binary.ts'
import { watchForLeftovers } from './leftovers.ts'
import { enterSandbox, isSandboxed, unlessSandbox } from './sandbox.ts'

let entered = false

type Body<Count extends number> = (cluster: Cluster<Count>, t: TestContext) => Promise<void>

/**
 * A test against a cluster of its own, once for each containerd on this machine. The file that calls this runs in a sandbox:
 * nothing it starts, mounts or writes to the temporary directory outlives it, however it ends.
 */
export function e2e<const Count extends number = 3>(
  name: string,
  options: ClusterOptions<Count>,
  body: Body<Count>,
): void {
  const skip = unlessPossible()
  if (skip !== false) test(name, { skip }, () => {})
  else if (isSandboxed()) for (const binary of containerdBinaries()) register(name, { binary, options, body })
  else if (!entered) {
    entered = true
    enterSandbox()
  }
}

interface Case<Count extends number> {
  readonly binary: ContainerdBinary
  readonly options: ClusterOptions<Count>
  readonly body: Body<Count>
}

function register<Count extends number>(name: string, { binary, options, body }: Case<Count>): void {
  const skip = isOlder(binary.version, options.since ?? '0') && `needs containerd ${options.since}`
  test(`${name} (containerd ${binary.version})`, { skip }, async t => {
    const assertNothingLeft = await watchForLeftovers()
    const started = performance.now()
    const cluster = await startCluster(binary, options)
    const up = performance.now()
    try {
      await body(cluster, t)
    } catch (error) {
      for (const output of cluster.outputs()) t.diagnostic(output)
      throw error
    } finally {
      const ended = performance.now()
      await cluster[Symbol.asyncDispose]()
      t.diagnostic(`up in ${seconds(up - started)}, down in ${seconds(performance.now() - ended)}`)
    }
    await assertNothingLeft()
  })
}

function isOlder(version: string, than: string): boolean {
  return version.localeCompare(than, 'en', { numeric: true }) < 0
}

function seconds(ms: number): string {
  return `${(ms / 1000).toFixed(1)} s`
}

/** For `skip`: the reason where clusters cannot be had here. */
export function unlessPossible(): string | false {
  if (isSandboxed()) return false
  for (const program of ['ip', 'iptables', 'docker-registry']) {
    const skip = unlessInstalled(program)
    if (skip !== false) return skip
  }
  if (containerdBinaries().length === 0) return 'containerd is not installed'
  return unlessSandbox()
}
