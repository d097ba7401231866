import type { Log } from '../../../observability/log.ts'
import type { CallOptions } from '../../../store/store.ts'

/** Namespaces that are looked into for images. */
const MAX_NAMESPACES = 32

/** What containerd says of itself. */
export type ContainerdView =
  | { readonly kind: 'silent'; readonly reason: string }
  | {
      readonly kind: 'answers'
      readonly version: string
      /** Directory that content is in, as containerd sees it. */
      readonly contentDirectory: string | undefined
      /** Namespace → how many images it holds. */
      readonly images: ReadonlyMap<string, number>
    }

/** Asks the containerd at `socket`. */
export async function viewContainerd(log: Log, socket: string, { signal }: CallOptions): Promise<ContainerdView> {
  const { createContainerdClient } = await import('../../../store/containerd/client.ts')
  try {
    await using containerd = createContainerdClient({ log }, { socket, namespace: 'default' })
    const { introspection } = containerd
    const version = (await introspection.version({ signal })).replace(/^v/, '')
    const contentDirectory = await introspection.contentDirectory({ signal })
    const images = new Map<string, number>()
    for (const namespace of (await introspection.namespaces({ signal })).slice(0, MAX_NAMESPACES)) {
      await using inside = createContainerdClient({ log }, { socket, namespace })
      images.set(namespace, (await inside.images.list({ signal })).length)
    }
    return { kind: 'answers', version, contentDirectory, images }
  } catch (error) {
    signal.throwIfAborted()
    return { kind: 'silent', reason: error instanceof Error ? error.message : String(error) }
  }
}
