import { configureMirrors } from '../../certs-d/configure-mirrors.ts'
import { durableChanges } from '../../certs-d/file-changes.ts'
import { loadBasicAuth } from '../../http/basic-auth.ts'
import type { CommandContext } from '../command.ts'
import { type ConfigurationFlags, mirroredRegistryUrls } from './flags.ts'

/**
 * Writes containerd's configuration of registries.
 * @throws {ConfigDirectoryError | UnfitDirectoryError} where the directory can't be changed
 */
export async function runConfiguration(flags: ConfigurationFlags, { log, signal }: CommandContext): Promise<void> {
  const basicAuth = await loadBasicAuth(flags.basicAuthDir)
  await configureMirrors(
    { changes: durableChanges(), log },
    {
      directory: flags.containerdRegistryConfigPath,
      registries: mirroredRegistryUrls(flags.mirroredRegistries),
      use: {
        targets: [...new Set(flags.mirrorTargets)],
        // With auto the mirror decides whenever it is asked.
        resolveTags: flags.resolveTags !== 'false',
        authorization: basicAuth?.header,
      },
      prependExisting: flags.prependExisting,
      signal,
    },
  )
}
