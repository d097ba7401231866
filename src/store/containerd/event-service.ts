import { setImmediate } from 'node:timers/promises'
import { fromBinary } from '@bufbuild/protobuf'
import type { Any } from '@bufbuild/protobuf/wkt'
import { isDigest } from '../../oci/digest.ts'
import type { CallOptions } from '../store.ts'
import type { ContainerdConnection } from './connection.ts'
import { LOOKUP_TIMEOUT_MS } from './deadlines.ts'
import { ContainerdUnavailableError } from './errors.ts'
import { ContentCreateSchema, ContentDeleteSchema } from './generated/content_events_pb.ts'
import { Events } from './generated/events_pb.ts'
import { ImageCreateSchema, ImageDeleteSchema, ImageUpdateSchema } from './generated/image_events_pb.ts'
import type { Envelope } from './generated/types_pb.ts'
import { Version } from './generated/version_pb.ts'
import { ScopeSignal } from './scope-signal.ts'
import type { ContainerdEvent, EventService } from './services.ts'

/** @see https://github.com/containerd/containerd/blob/main/pkg/filters/filter.go */
const FILTERS = ['topic~="^/(images|content)/"']

/** Events over gRPC. containerd sends those of all namespaces; the others' are left out. */
export function createEventService(connection: ContainerdConnection, namespace: string): EventService {
  const events = connection.client(Events)
  const version = connection.client(Version)
  const roundTrip = async ({ signal }: CallOptions): Promise<void> => {
    const call = { call: 'tell its version', signal, timeoutMs: LOOKUP_TIMEOUT_MS }
    await connection.ask(call, options => version.version({}, options))
  }
  return {
    async *subscribe({ signal }) {
      await roundTrip({ signal })
      using left = new ScopeSignal(signal)
      const call = { call: 'tell of events', signal: left.signal }
      const envelopes = connection.stream(call, options => events.subscribe({ filters: FILTERS }, options))
      let next = nextOf(envelopes)
      // containerd is silent until there is an event. The subscription has been sent by the next turn of the event loop, so
      // that it is in force once a later request on the same connection is answered.
      await setImmediate()
      await roundTrip({ signal })
      yield { kind: 'subscribed' }
      for (;;) {
        const { done, value } = await next
        if (done === true) throw new ContainerdUnavailableError(connection.socket, 'it ended the stream of events')
        next = nextOf(envelopes)
        const event = value.namespace === namespace ? parseEvent(value) : undefined
        if (event !== undefined) yield event
      }
    },
  }
}

/** The next of `items`, whose failure is no unhandled one when it comes before it is awaited. */
function nextOf<T>(items: AsyncIterator<T, void>): Promise<IteratorResult<T, void>> {
  const next = items.next()
  next.catch(() => {})
  return next
}

/** Undefined for what does not concern us, as later versions of containerd may send. */
function parseEvent({ event }: Envelope): ContainerdEvent | undefined {
  if (event === undefined) return undefined
  const parse = PARSERS.get(event.typeUrl.slice(event.typeUrl.lastIndexOf('/') + 1))
  return parse?.(event)
}

const PARSERS: ReadonlyMap<string, (event: Any) => ContainerdEvent | undefined> = new Map([
  [ImageCreateSchema.typeName, ({ value }) => imageEvent('image-created', fromBinary(ImageCreateSchema, value))],
  [ImageUpdateSchema.typeName, ({ value }) => imageEvent('image-updated', fromBinary(ImageUpdateSchema, value))],
  [ImageDeleteSchema.typeName, ({ value }) => imageEvent('image-deleted', fromBinary(ImageDeleteSchema, value))],
  [
    ContentCreateSchema.typeName,
    ({ value }) => contentEvent('content-created', fromBinary(ContentCreateSchema, value)),
  ],
  [
    ContentDeleteSchema.typeName,
    ({ value }) => contentEvent('content-deleted', fromBinary(ContentDeleteSchema, value)),
  ],
])

function imageEvent(
  kind: 'image-created' | 'image-updated' | 'image-deleted',
  { name }: { readonly name: string },
): ContainerdEvent {
  return { kind, name }
}

function contentEvent(
  kind: 'content-created' | 'content-deleted',
  { digest }: { readonly digest: string },
): ContainerdEvent | undefined {
  return isDigest(digest) ? { kind, digest } : undefined
}
