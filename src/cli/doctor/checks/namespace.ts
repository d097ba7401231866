import type { ContainerdView } from '../facts/containerd-view.ts'
import { type Finding, findingsOf } from '../finding.ts'

const { ok, warning, failure } = findingsOf('namespace')

export interface NamespaceFacts {
  readonly namespace: string
  readonly containerd: Extract<ContainerdView, { kind: 'answers' }>
}

/** Whether the namespace is the one that images are in. */
export function checkNamespace({ namespace, containerd: { images } }: NamespaceFacts): Finding {
  const count = images.get(namespace) ?? 0
  if (count > 0) return ok(`namespace ${namespace} holds ${count === 1 ? '1 image' : `${count} images`}`)
  const [most] = [...images].toSorted(([, a], [, b]) => b - a)
  if (most === undefined || most[1] === 0) {
    return warning(`namespace ${namespace} holds no image, and no other does`, 'pull an image, then look again')
  }
  return failure(
    `namespace ${namespace} holds no image, but ${most[0]} holds ${most[1]}`,
    `give the namespace that Kubernetes uses with --containerd-namespace=${most[0]}`,
  )
}
