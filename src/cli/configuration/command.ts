import { configureMirrors } from '../../certs-d/configure-mirrors.ts'
import { durableChanges } from '../../certs-d/file-changes.ts'
import type { CommandContext } from '../command.ts'
import { loadTrust } from '../trust/trust.ts'
import { type ConfigurationFlags, mirroredRegistryUrls } from './flags.ts'

/**
 * Writes containerd's configuration of registries.
 * @throws {ClusterSecretError} where the file of the cluster secret has none to use
 * @throws {ConfigDirectoryError | UnfitDirectoryError} where the directory can't be changed
 */
export async function runConfiguration(flags: ConfigurationFlags, { log, signal }: CommandContext): Promise<void> {
  const { basicAuth } = await loadTrust(flags)
  await configureMirrors(
    { changes: durableChanges(), log },
    {
      directory: flags.containerdRegistryConfigPath,
      registries: mirroredRegistryUrls(flags.mirroredRegistries),
      use: {
        targets: [...new Set(flags.mirrorTargets)],
        anonymousTargets: [...new Set(flags.additionalMirrorTargets)],
        // With auto the mirror decides whenever it is asked.
        resolveTags: flags.resolveTags !== 'false',
        authorization: basicAuth?.header,
      },
      prependExisting: flags.prependExisting,
      signal,
    },
  )
}
