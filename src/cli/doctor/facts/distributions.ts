/** How a distribution of Kubernetes runs containerd. */
export interface Distribution {
  readonly name: string
  /** Configuration file. */
  readonly config: string
  /** Where settings of one's own go: the file above is generated, or meant to be left alone. */
  readonly customise: string
  readonly socket: string
  readonly contentPath: string
}

const CONTENT = 'io.containerd.content.v1.content'

/**
 * Known distributions, most telling first: what has a path of k3s is k3s.
 * @see https://docs.k3s.io/advanced#configuring-containerd
 * @see https://docs.rke2.io/advanced#configuring-containerd
 * @see https://docs.k0sproject.io/stable/runtime/
 * @see https://www.talos.dev/latest/talos-guides/configuration/containerd/
 */
export const DISTRIBUTIONS: readonly Distribution[] = [
  {
    name: 'k3s',
    config: '/var/lib/rancher/k3s/agent/etc/containerd/config.toml',
    customise: '/var/lib/rancher/k3s/agent/etc/containerd/config-v3.toml.tmpl (config.toml.tmpl with containerd 1)',
    socket: '/run/k3s/containerd/containerd.sock',
    contentPath: `/var/lib/rancher/k3s/agent/containerd/${CONTENT}`,
  },
  {
    name: 'RKE2',
    config: '/var/lib/rancher/rke2/agent/etc/containerd/config.toml',
    customise: '/var/lib/rancher/rke2/agent/etc/containerd/config-v3.toml.tmpl (config.toml.tmpl with containerd 1)',
    socket: '/run/k3s/containerd/containerd.sock',
    contentPath: `/var/lib/rancher/rke2/agent/containerd/${CONTENT}`,
  },
  {
    name: 'k0s',
    config: '/etc/k0s/containerd.toml',
    customise: 'a file in /etc/k0s/containerd.d/',
    socket: '/run/k0s/containerd.sock',
    contentPath: `/var/lib/k0s/containerd/${CONTENT}`,
  },
  {
    name: 'Talos',
    config: '/etc/cri/containerd.toml',
    customise: 'machine.files with the path /etc/cri/conf.d/20-customization.part',
    socket: '/run/containerd/containerd.sock',
    contentPath: `/var/lib/containerd/${CONTENT}`,
  },
  {
    name: 'containerd',
    config: '/etc/containerd/config.toml',
    customise: '/etc/containerd/config.toml',
    socket: '/run/containerd/containerd.sock',
    contentPath: `/var/lib/containerd/${CONTENT}`,
  },
]

/** The distribution whose configuration file that is; undefined for any other file. */
export function distributionOf(config: string): Distribution | undefined {
  return DISTRIBUTIONS.find(distribution => distribution.config === config)
}
