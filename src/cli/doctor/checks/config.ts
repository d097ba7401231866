import type { ContainerdConfig } from '../facts/containerd-config.ts'
import type { Distribution } from '../facts/distributions.ts'
import { type Finding, findingsOf } from '../finding.ts'

const path = findingsOf('config-path')
const layers = findingsOf('discard-unpacked-layers')

export interface ConfigFacts {
  /** What containerd's files say, or why that can't be told. */
  readonly config: ContainerdConfig | { readonly trouble: string }
  readonly distribution: Distribution | undefined
  /** Version of the containerd that runs; undefined where it does not answer. */
  readonly version: string | undefined
  /** Where hosts.toml files are written. */
  readonly registryConfigPath: string
}

/** Whether containerd's configuration lets it ask a mirror, and keeps what a mirror serves. */
export function checkConfig({ config, distribution, version, registryConfigPath }: ConfigFacts): readonly Finding[] {
  if ('trouble' in config) {
    const remedy = 'run this on the node, or give --containerd-config and --host-root'
    return [path.warning(`the configuration of containerd: ${config.trouble}`, remedy)]
  }
  const where = distribution?.customise ?? config.files[0] ?? ''
  return [checkPath(config, { registryConfigPath, where, version }), checkLayers(config, where)]
}

interface PathFacts extends Pick<ConfigFacts, 'registryConfigPath' | 'version'> {
  /** What is to be changed. */
  readonly where: string
}

function checkPath(config: ContainerdConfig, { registryConfigPath, where, version }: PathFacts): Finding {
  const { configPaths, hasOldMirrors, pullsLocally } = config
  const plugin = config.version > 2 ? 'io.containerd.cri.v1.images' : 'io.containerd.grpc.v1.cri'
  const setting = `[plugins."${plugin}".registry] config_path = "${registryConfigPath}"`
  if (configPaths.length === 0) {
    return path.failure(
      'config_path is not set: containerd ignores hosts.toml files, and so the mirror',
      `set ${setting} in ${where}, and restart containerd`,
    )
  }
  if (hasOldMirrors) {
    return path.failure(
      'registry.mirrors is set beside config_path: containerd does not pull with both',
      `remove registry.mirrors from ${where}, and restart containerd`,
    )
  }
  if (!configPaths.includes(registryConfigPath)) {
    return path.failure(
      `config_path is ${configPaths.join(':')}, but hosts.toml files are written to ${registryConfigPath}`,
      `give --containerd-registry-config-path=${configPaths[0]}, or set ${setting} in ${where}`,
    )
  }
  if (configPaths.length > 1 && !pullsLocally && takesOneDirectory(version)) {
    return path.failure(
      `config_path names several directories, ${configPaths.join(':')}: containerd ${version} takes them for one, and ignores it`,
      `set ${setting} in ${where}, and restart containerd`,
    )
  }
  return path.ok(`containerd looks for hosts.toml files in ${configPaths.join(':')}`)
}

/** From 2.1 on the transfer service pulls, which knows no list of directories. */
function takesOneDirectory(version = '0.0'): boolean {
  const [major = 0, minor = 0] = version.split('.').map(Number)
  return major > 2 || (major === 2 && minor >= 1)
}

function checkLayers({ discardsLayers }: ContainerdConfig, where: string): Finding {
  return discardsLayers
    ? layers.failure(
        'discard_unpacked_layers is on: containerd removes layers once they are unpacked, so that none can be served',
        `set discard_unpacked_layers = false in ${where}, restart containerd, and pull images again`,
      )
    : layers.ok('containerd keeps the layers of its images')
}
