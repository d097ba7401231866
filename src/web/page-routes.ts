import { promisify } from 'node:util'
import { gunzip } from 'node:zlib'
import { sendBytes } from '../http/body.ts'
import type { Route } from '../http/dispatch.ts'
import type { Exchange } from '../http/exchange.ts'
import { DistributionError } from '../oci/distribution-error.ts'
import { SECURITY_HEADERS } from './api/json.ts'
import { pageFiles } from './page-files.ts'

const PATH = '/debug/web/'

const TYPES: Readonly<Record<string, string>> = {
  'index.html': 'text/html; charset=utf-8',
  'page.js': 'text/javascript; charset=utf-8',
  'page.css': 'text/css; charset=utf-8',
}

/** Nothing but the page's own files and this node's API, and in no other page. */
const CONTENT_SECURITY_POLICY = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "connect-src 'self'",
  'img-src data:',
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join('; ')

const HEADERS = {
  ...SECURITY_HEADERS,
  'content-security-policy': CONTENT_SECURITY_POLICY,
  'cross-origin-opener-policy': 'same-origin',
  vary: 'accept-encoding',
}

/** Routes of the page, whose `files` are gzipped; default: those that were built. */
export function pageRoutes(files: ReadonlyMap<string, Buffer> = pageFiles()): readonly Route[] {
  const route = (path: string, name: string): Route => ({
    path,
    handler: 'web',
    handle: exchange => sendFile(exchange, { name, content: files.get(name) }),
  })
  return [
    { path: PATH.slice(0, -1), handler: 'web', handle: redirect },
    route(PATH, 'index.html'),
    ...Object.keys(TYPES).map(name => route(PATH + name, name)),
  ]
}

async function sendFile(
  exchange: Exchange,
  { name, content }: { readonly name: string; readonly content: Buffer | undefined },
): Promise<void> {
  if (content === undefined) throw new DistributionError('UNSUPPORTED', 'the page is built by npm run build')
  const headers = { ...HEADERS, 'content-type': TYPES[name] ?? 'application/octet-stream' }
  if (/\bgzip\b/.test(exchange.request.headers['accept-encoding']?.toString() ?? '')) {
    await sendBytes(exchange, { status: 200, headers: { ...headers, 'content-encoding': 'gzip' }, body: content })
  } else {
    await sendBytes(exchange, { status: 200, headers, body: await promisify(gunzip)(content) })
  }
}

async function redirect(exchange: Exchange): Promise<void> {
  await sendBytes(exchange, { status: 308, headers: { ...HEADERS, location: PATH }, body: '' })
}
