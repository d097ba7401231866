import type { BasicAuth } from '../http/basic-auth.ts'
import { sendBytes } from '../http/body.ts'
import type { Route } from '../http/dispatch.ts'
import type { Exchange, Handler } from '../http/exchange.ts'
import { DistributionError } from '../oci/distribution-error.ts'
import { type DistributionPath, parseDistributionPath } from '../oci/distribution-path.ts'
import { type ContentComponents, ContentHandler, type ContentOptions } from './content-handler.ts'

export interface RegistryOptions extends ContentOptions {
  /** Credentials that clients and peers must send; default: none are needed. */
  readonly basicAuth?: BasicAuth
}

/** The routes by which clients and peers get content. */
export function createRegistryRoutes(components: ContentComponents, options: RegistryOptions): readonly Route[] {
  const content = new ContentHandler(components, options)
  const registry: Handler = async exchange => {
    const path = parseDistributionPath(exchange.path, exchange.query)
    authorize(exchange, path, options.basicAuth)
    if (path.kind === 'base') await sendBase(exchange)
    else await content.answer(exchange, path)
  }
  return [
    { path: '/v2', handler: 'v2', handle: registry },
    { path: '/v2/', handler: 'v2', handle: registry },
    { path: '/v2/*', handler: 'registry', handle: registry },
  ]
}

/**
 * Refuses requests without the mirror's credentials. A pull is never answered 401, which would make containerd send the
 * user's password for the registry; clients that log in first ask for the base path.
 */
function authorize(exchange: Exchange, path: DistributionPath, basicAuth: BasicAuth | undefined): void {
  const { method, headers } = exchange.request
  if (basicAuth === undefined || basicAuth.verify(headers.authorization)) return
  if (path.kind === 'base' && method === 'GET') {
    throw new DistributionError('UNAUTHORIZED', 'this mirror needs credentials', {
      status: 401,
      headers: { 'www-authenticate': 'Basic realm="spegel"' },
    })
  }
  throw new DistributionError('DENIED', 'the credentials are not those of this mirror')
}

async function sendBase(exchange: Exchange): Promise<void> {
  const headers = { 'content-type': 'application/json', 'docker-distribution-api-version': 'registry/2.0' }
  await sendBytes(exchange, { status: 200, headers, body: Buffer.from('{}') })
}
