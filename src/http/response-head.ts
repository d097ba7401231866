import type { ServerResponse } from 'node:http'

/** Status and headers of a response. */
export interface ResponseHead {
  readonly status: number
  readonly headers: Readonly<Record<string, string | number>>
}

/** Sets the head of `response`, to be sent with its first bytes. `contentLength` wins over one among the headers. */
export function writeHead(response: ServerResponse, head: ResponseHead, contentLength?: number): void {
  for (const [name, value] of Object.entries(head.headers)) response.setHeader(name, value)
  if (contentLength !== undefined) response.setHeader('content-length', contentLength)
  response.writeHead(head.status)
}
