import { once } from 'node:events'
import { durableChanges } from '../../certs-d/file-changes.ts'
import { restoreConfiguration } from '../../certs-d/restore-configuration.ts'
import { dispatch } from '../../http/dispatch.ts'
import { formatHostPort } from '../../http/host-port.ts'
import { startHttpServer } from '../../http/server.ts'
import { createMetrics } from '../../observability/metrics.ts'
import { healthRoutes } from '../../registry/health-routes.ts'
import type { CommandContext } from '../command.ts'
import type { CleanupFlags } from './flags.ts'

/**
 * Restores containerd's configuration of registries, then tells whoever asks that this node is done, until
 * `context.signal` aborts.
 * @throws {ConfigDirectoryError | UnfitDirectoryError} where the directory can't be changed
 * @throws {ListenError} where the address can't be had
 */
export async function runCleanup(flags: CleanupFlags, { log, signal }: CommandContext): Promise<void> {
  await restoreConfiguration(
    { changes: durableChanges(), log },
    { directory: flags.containerdRegistryConfigPath, signal },
  )
  const { host, port } = flags.addr
  const routes = healthRoutes({ ready: () => true })
  await using server = await startHttpServer(
    { handler: dispatch({ routes, metrics: createMetrics(), log }), log },
    { name: 'cleanup', listen: { host: host === '' ? undefined : host, port }, signal },
  )
  log.info('waiting to be shut down', { addr: formatHostPort(server.address) })
  if (!signal.aborted) await once(signal, 'abort')
}
