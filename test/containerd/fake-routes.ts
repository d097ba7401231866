import { open } from 'node:fs/promises'
import path from 'node:path'
import { Code, ConnectError, type ConnectRouter, type HandlerContext } from '@connectrpc/connect'
import type { Descriptor } from '../../src/oci/descriptor.ts'
import { type Digest, parseDigest } from '../../src/oci/digest.ts'
import { Content } from '../../src/store/containerd/generated/content_pb.ts'
import { Events } from '../../src/store/containerd/generated/events_pb.ts'
import { Images } from '../../src/store/containerd/generated/images_pb.ts'
import { Introspection } from '../../src/store/containerd/generated/introspection_pb.ts'
import { Version } from '../../src/store/containerd/generated/version_pb.ts'
import { blobPath, isMissing } from '../../src/store/content-directory/content-files.ts'
import type { FakeEvents } from './fake-events.ts'

/** What a fake containerd knows; namespaces first. */
export interface FakeState {
  readonly version: string
  readonly contentDirectory: string
  readonly images: Map<string, Map<string, Descriptor>>
  /** With sizes, which stay known when a file goes behind containerd's back. */
  readonly held: Map<string, Map<Digest, number>>
  readonly events: FakeEvents
  readonly calls: Map<string, number>
}

/** Sizes as containerd's: entries of one page of a list, and bytes of one piece of content. */
const PAGE_ENTRIES = 100
const PIECE_BYTES = 1024 * 1024

/** Counts the call, and returns the namespace, without which containerd refuses. */
function enter(state: FakeState, method: string, context: HandlerContext): string {
  state.calls.set(method, (state.calls.get(method) ?? 0) + 1)
  const namespace = context.requestHeader.get('containerd-namespace')
  if (namespace === null) throw new ConnectError('namespace is required', Code.FailedPrecondition)
  return namespace
}

function notFound(what: string): ConnectError {
  return new ConnectError(`${what}: not found`, Code.NotFound)
}

export function imageRoutes(router: ConnectRouter, state: FakeState): void {
  router.service(Images, {
    list(_, context) {
      const namespace = enter(state, 'Images.List', context)
      const images = [...(state.images.get(namespace) ?? [])]
      return { images: images.map(([name, target]) => ({ name, target: { ...target, size: BigInt(target.size) } })) }
    },
    get({ name }, context) {
      const target = state.images.get(enter(state, 'Images.Get', context))?.get(name)
      if (target === undefined) throw notFound(`image "${name}"`)
      return { image: { name, target: { ...target, size: BigInt(target.size) } } }
    },
  })
}

export function contentRoutes(router: ConnectRouter, state: FakeState): void {
  const infoOf = (namespace: string, digest: string) => {
    const size = state.held.get(namespace)?.get(parseDigest(digest))
    if (size === undefined) throw notFound(`content digest ${digest}`)
    return { digest, size: BigInt(size) }
  }
  const openHeld = async (namespace: string, digest: string) => {
    infoOf(namespace, digest)
    try {
      return await open(path.join(state.contentDirectory, blobPath(parseDigest(digest))))
    } catch (error) {
      throw isMissing(error) ? notFound(`content digest ${digest}`) : error
    }
  }
  router.service(Content, {
    async info({ digest }, context) {
      return { info: infoOf(enter(state, 'Content.Info', context), digest) }
    },
    async *list(_, context) {
      const namespace = enter(state, 'Content.List', context)
      const digests = [...(state.held.get(namespace)?.keys() ?? [])].toSorted()
      for (let from = 0; from < digests.length; from += PAGE_ENTRIES) {
        const page = digests.slice(from, from + PAGE_ENTRIES)
        yield { info: page.map(digest => infoOf(namespace, digest)) }
      }
    },
    async *read({ digest, offset, size }, context) {
      await using file = await openHeld(enter(state, 'Content.Read', context), digest)
      const { size: total } = await file.stat()
      if (Number(offset) > total) throw new ConnectError('read past object length', Code.OutOfRange)
      const end = size === 0n ? total : Math.min(total, Number(offset + size))
      for (let position = Number(offset); position < end; ) {
        const data = new Uint8Array(Math.min(PIECE_BYTES, end - position))
        const { bytesRead } = await file.read(data, 0, data.length, position)
        yield { offset: BigInt(position), data: data.subarray(0, bytesRead) }
        position += bytesRead
      }
    },
  })
}

export function eventRoutes(router: ConnectRouter, state: FakeState): void {
  router.service(Events, {
    async *subscribe({ filters }, context) {
      enter(state, 'Events.Subscribe', context)
      const topic = new RegExp(/^topic~="(.*)"$/.exec(filters[0] ?? '')?.[1] ?? '')
      for await (const envelope of state.events.subscribe(context.signal)) {
        if (topic.test(envelope.topic)) yield envelope
      }
    },
  })
}

export function selfRoutes(router: ConnectRouter, state: FakeState): void {
  router.service(Version, {
    version(_, context) {
      enter(state, 'Version.Version', context)
      return { version: state.version }
    },
  })
  router.service(Introspection, {
    plugins(_, context) {
      enter(state, 'Introspection.Plugins', context)
      const exports = { root: state.contentDirectory }
      return { plugins: [{ type: 'io.containerd.content.v1', id: 'content', exports }] }
    },
  })
}
