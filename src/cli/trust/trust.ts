import { type BasicAuth, loadBasicAuth } from '../../http/basic-auth.ts'
import type { FlagValues } from '../flags/flag.ts'
import { loadClusterSecret } from './cluster-secret.ts'
import type { TRUST_FLAGS } from './trust-flags.ts'

/** Who may join this node's mesh, and who may pull from it. */
export interface Trust {
  /** Of libp2p's private network; undefined: anyone may join. */
  readonly networkKey?: Uint8Array
  /** Undefined: anyone may pull. */
  readonly basicAuth?: BasicAuth
}

/**
 * Reads what the nodes of a mesh share. Credentials that were given by themselves win over those of the cluster secret.
 * @throws {ClusterSecretError}
 */
export async function loadTrust({ clusterSecretFile, basicAuthDir }: FlagValues<typeof TRUST_FLAGS>): Promise<Trust> {
  const [secret, given] = await Promise.all([
    clusterSecretFile === undefined ? undefined : loadClusterSecret(clusterSecretFile),
    loadBasicAuth(basicAuthDir),
  ])
  const basicAuth = given ?? secret?.basicAuth
  return {
    ...(secret === undefined ? {} : { networkKey: secret.networkKey }),
    ...(basicAuth === undefined ? {} : { basicAuth }),
  }
}
