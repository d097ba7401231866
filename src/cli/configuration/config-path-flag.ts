import { value } from '../flags/flag.ts'
import { PATH } from '../flags/kind.ts'

/** Where containerd looks for the configuration of registries. */
export const CONFIG_PATH_FLAG = value({
  name: 'containerd-registry-config-path',
  env: 'CONTAINERD_REGISTRY_CONFIG_PATH',
  kind: { ...PATH, accepts: 'a path, as in config_path of containerd', parse: text => PATH.parse(text) || undefined },
  default: '/etc/containerd/certs.d',
  help: 'directory of a directory for each registry: config_path of containerd',
})
