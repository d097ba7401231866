import type { Log } from '../../observability/log.ts'
import { type ConnectionOptions, ContainerdConnection } from './connection.ts'
import { ConnectionWatch } from './connection-watch.ts'
import { createContentService } from './content-service.ts'
import { createEventService } from './event-service.ts'
import { createImageService } from './image-service.ts'
import { createIntrospectionService } from './introspection-service.ts'
import type { Containerd } from './services.ts'

/**
 * A client of the containerd at a socket, which need not be there yet: it is connected to as calls are made, and again
 * after it was restarted. The caller disposes of it.
 */
export function createContainerdClient({ log }: { readonly log: Log }, options: ConnectionOptions): Containerd {
  const connection = new ContainerdConnection(options)
  const introspection = createIntrospectionService(connection)
  const watch = new ConnectionWatch({ connection, introspection, log })
  return {
    images: createImageService(connection),
    content: createContentService(connection),
    events: createEventService(connection, options.namespace),
    introspection,
    run: callOptions => watch.run(callOptions),
    [Symbol.asyncDispose]: async () => connection[Symbol.dispose](),
  }
}
