import type { BasicAuth } from '../http/basic-auth.ts'
import { isLoopbackClient } from '../http/client-address.ts'
import type { Route } from '../http/dispatch.ts'
import { DistributionError } from '../oci/distribution-error.ts'

export interface InsiderOptions {
  /** Credentials of the mirrors; without them nothing is kept from anybody, as with the registry. */
  readonly basicAuth?: BasicAuth
  /** Whether a client at this address needs no credentials. Default: one on loopback, as by `kubectl port-forward`. */
  readonly isTrusted?: (address: string) => boolean
}

/**
 * Routes that tell what the node holds, for those who could pull it too. Browsers are asked for the credentials by 401; no
 * container runtime comes here, which would answer that with the password of a registry.
 */
export function insiderRoutes(
  routes: readonly Route[],
  { basicAuth, isTrusted = isLoopbackClient }: InsiderOptions,
): readonly Route[] {
  if (basicAuth === undefined) return routes
  return routes.map(route => ({
    path: route.path,
    methods: route.methods ?? ['GET', 'HEAD'],
    handler: route.handler,
    async handle(exchange) {
      const { headers, socket } = exchange.request
      if (!isTrusted(socket.remoteAddress ?? '') && !basicAuth.verify(headers.authorization)) {
        throw new DistributionError(
          'UNAUTHORIZED',
          'this needs the credentials of the mirrors, or a client on loopback',
          {
            status: 401,
            headers: { 'www-authenticate': 'Basic realm="spegel", charset="UTF-8"' },
          },
        )
      }
      await route.handle(exchange)
    },
  }))
}
