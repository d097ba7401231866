import { create, type DescMessage, type MessageInitShape, toBinary } from '@bufbuild/protobuf'
import { AnySchema } from '@bufbuild/protobuf/wkt'
import type { Digest } from '../../src/oci/digest.ts'
import { ContentCreateSchema, ContentDeleteSchema } from '../../src/store/containerd/generated/content_events_pb.ts'
import {
  ImageCreateSchema,
  ImageDeleteSchema,
  ImageUpdateSchema,
} from '../../src/store/containerd/generated/image_events_pb.ts'
import { type Envelope, EnvelopeSchema } from '../../src/store/containerd/generated/types_pb.ts'

/** Events as containerd publishes them: to all who subscribed before, whatever their namespace, and without a replay. */
export class FakeEvents {
  readonly #queues = new Set<EnvelopeQueue>()

  get subscribers(): number {
    return this.#queues.size
  }

  imageCreated(namespace: string, name: string): void {
    this.publish({ namespace, topic: '/images/create' }, ImageCreateSchema, { name })
  }

  imageUpdated(namespace: string, name: string): void {
    this.publish({ namespace, topic: '/images/update' }, ImageUpdateSchema, { name })
  }

  imageDeleted(namespace: string, name: string): void {
    this.publish({ namespace, topic: '/images/delete' }, ImageDeleteSchema, { name })
  }

  contentCreated(namespace: string, digest: Digest): void {
    this.publish({ namespace, topic: '/content/create' }, ContentCreateSchema, { digest })
  }

  contentDeleted(namespace: string, digest: Digest): void {
    this.publish({ namespace, topic: '/content/delete' }, ContentDeleteSchema, { digest })
  }

  publish<Desc extends DescMessage>(
    { namespace, topic }: { readonly namespace: string; readonly topic: string },
    schema: Desc,
    message: MessageInitShape<Desc>,
  ): void {
    // containerd's type URLs have no `type.googleapis.com/`.
    const event = create(AnySchema, {
      typeUrl: schema.typeName,
      value: toBinary(schema, create(schema, message)),
    })
    const envelope = create(EnvelopeSchema, { namespace, topic, event })
    for (const queue of this.#queues) queue.push(envelope)
  }

  async *subscribe(signal: AbortSignal): AsyncGenerator<Envelope> {
    const queue = new EnvelopeQueue()
    this.#queues.add(queue)
    try {
      while (!signal.aborted) {
        yield* queue.take()
        await queue.wait(signal)
      }
    } finally {
      this.#queues.delete(queue)
    }
  }
}

class EnvelopeQueue {
  #envelopes: Envelope[] = []
  #filled = Promise.withResolvers<void>()

  push(envelope: Envelope): void {
    this.#envelopes.push(envelope)
    this.#filled.resolve()
  }

  take(): readonly Envelope[] {
    const taken = this.#envelopes
    this.#envelopes = []
    this.#filled = Promise.withResolvers()
    return taken
  }

  async wait(signal: AbortSignal): Promise<void> {
    const wake = (): void => this.#filled.resolve()
    signal.addEventListener('abort', wake, { once: true })
    await this.#filled.promise
    signal.removeEventListener('abort', wake)
  }
}
