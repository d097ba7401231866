import path from 'node:path'

/** Where a node's containerd keeps things. */
export interface ContainerdPaths {
  readonly config: string
  /** Content and snapshots. */
  readonly root: string
  /** Its socket and what a restart does not keep. */
  readonly state: string
  readonly socket: string
  /** Directory of hosts.toml files. */
  readonly registryConfig: string
  readonly content: string
}

export function containerdPaths(directory: string): ContainerdPaths {
  const root = path.join(directory, 'root')
  const state = path.join(directory, 'state')
  return {
    config: path.join(directory, 'containerd.toml'),
    root,
    state,
    socket: path.join(state, 'containerd.sock'),
    registryConfig: path.join(directory, 'certs.d'),
    content: path.join(root, 'io.containerd.content.v1.content'),
  }
}

/** Configuration that 1.6 and 2.x read; `extra` is appended. */
export function containerdConfig(paths: ContainerdPaths, extra: string): string {
  const directory = path.dirname(paths.config)
  return `version = 2
root = "${paths.root}"
state = "${paths.state}"
disabled_plugins = ["io.containerd.snapshotter.v1.btrfs", "io.containerd.snapshotter.v1.zfs", "io.containerd.snapshotter.v1.devmapper", "io.containerd.snapshotter.v1.aufs", "io.containerd.internal.v1.tracing", "io.containerd.nri.v1.nri"]
[grpc]
  address = "${paths.socket}"
[ttrpc]
  address = "${paths.socket}.ttrpc"
[plugins."io.containerd.internal.v1.opt"]
  path = "${directory}/opt"
[plugins."io.containerd.grpc.v1.cri".containerd]
  snapshotter = "overlayfs"
[plugins."io.containerd.grpc.v1.cri".cni]
  bin_dir = "${directory}/cni/bin"
  conf_dir = "${directory}/cni/net.d"
[plugins."io.containerd.grpc.v1.cri".registry]
  config_path = "${paths.registryConfig}"
${extra}`
}
