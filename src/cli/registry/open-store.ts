import type { Log } from '../../observability/log.ts'
import type { ReferenceFilter } from '../../oci/registry-filter.ts'
import { createOciLayout } from '../../store/oci-layout/oci-layout.ts'
import type { CallOptions, InProgress, Store } from '../../store/store.ts'
import type { Watcher } from '../../store/watcher.ts'
import type { Withheld } from '../../store/withheld-content.ts'
import type { RegistryFlags } from './flags.ts'

export interface OpenStoreComponents {
  readonly filter: ReferenceFilter
  readonly log: Log
  /** Closes the store. */
  readonly stack: AsyncDisposableStack
}

/** The store that a node serves from. */
export interface OpenedStore {
  readonly store: Store
  readonly watcher: Watcher
  readonly inProgress: InProgress
  readonly withheld: Withheld
  /** What the store does in the background until `signal` aborts. Rejects where it is of no more use to this process. */
  readonly run: (options: CallOptions) => Promise<void>
}

/** Opens the store that `--store` names. gRPC is loaded only where it is containerd. */
export async function openStore(
  flags: RegistryFlags,
  { filter, log, stack }: OpenStoreComponents,
): Promise<OpenedStore> {
  if (flags.store === 'oci-layout') {
    return { ...createOciLayout({ roots: flags.ociLayoutPath, filter, log }), run: async () => {} }
  }
  const { createContainerdStore } = await import('../../store/containerd/containerd.ts')
  const { containerdSock: socket, containerdNamespace: namespace, containerdContentPath: contentPath } = flags
  const containerd = stack.use(createContainerdStore({ filter, log }, { socket, namespace, contentPath }))
  const { store, watcher, inProgress, withheld } = containerd
  return { store, watcher, inProgress, withheld, run: options => containerd.run(options) }
}
