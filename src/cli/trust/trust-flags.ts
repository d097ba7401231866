import { optional, value } from '../flags/flag.ts'
import { PATH } from '../flags/kind.ts'

/** Flags of the commands that must know what the nodes of a mesh share. */
export const TRUST_FLAGS = {
  clusterSecretFile: optional({
    name: 'cluster-secret-file',
    env: 'SPEGEL_CLUSTER_SECRET_FILE',
    kind: { ...PATH, accepts: 'the path of a file', parse: text => PATH.parse(text) || undefined },
    help: 'file with the secret that all nodes share: only who has it can join them or pull from them; none: anyone can',
  }),
  basicAuthDir: value({
    name: 'basic-auth-dir',
    env: 'SPEGEL_BASIC_AUTH_DIR',
    kind: PATH,
    default: '/etc/secrets/basic-auth',
    help: 'directory of the files username and password that clients and peers must know, instead of what the cluster secret yields',
  }),
}
