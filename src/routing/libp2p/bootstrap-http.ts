import http from 'node:http'
import https from 'node:https'
import { sendBytes } from '../../http/body.ts'
import type { Route } from '../../http/dispatch.ts'
import type { CallOptions, Endpoint } from '../router.ts'
import type { Bootstrapper } from './bootstrap.ts'
import { decodeBootstrapAnswer, encodeBootstrapAnswer } from './bootstrap-answer.ts'
import { BootstrapAnswerError } from './errors.ts'
import { readTlsDirectory } from './tls-directory.ts'

/** Longest wait for a complete answer. */
const TIMEOUT_MS = 5000
/** Far more than any list of peers needs. */
const MAX_ANSWER_BYTES = 64 * 1024

export interface HttpBootstrapOptions {
  readonly url: URL
  /** Holds certificates for `url`, as {@link readTlsDirectory} takes them; default: those the system trusts. */
  readonly certDirectory?: string
  /** Of peers whose address names none: this node's own router port. */
  readonly defaultPort: number
}

/**
 * Bootstrap by what a URL answers: the `/id` of another node, or a service's list of peers. Certificates are read each
 * time, so that renewed ones count.
 */
export function httpBootstrapper({ url, certDirectory, defaultPort }: HttpBootstrapOptions): Bootstrapper {
  return {
    async peers({ signal }: CallOptions) {
      const tls = certDirectory === undefined ? {} : await readTlsDirectory(certDirectory)
      const request = (url.protocol === 'https:' ? https : http).get(url, {
        ...tls,
        agent: false,
        signal: AbortSignal.any([signal, AbortSignal.timeout(TIMEOUT_MS)]),
      })
      const response = await new Promise<http.IncomingMessage>((resolve, reject) => {
        request.on('response', resolve).on('error', reject)
      })
      const text = await readAnswer(response, url)
      try {
        return decodeBootstrapAnswer(text, defaultPort)
      } catch (error) {
        throw new BootstrapAnswerError(url, error instanceof Error ? error.message : String(error), { cause: error })
      }
    },
  }
}

async function readAnswer(response: http.IncomingMessage, url: URL): Promise<string> {
  try {
    if (response.statusCode !== 200) throw new BootstrapAnswerError(url, `status ${response.statusCode}`)
    const chunks: Buffer[] = []
    let length = 0
    for await (const chunk of response) {
      chunks.push(chunk)
      length += chunk.length
      if (length > MAX_ANSWER_BYTES) throw new BootstrapAnswerError(url, `more than ${MAX_ANSWER_BYTES} bytes`)
    }
    return Buffer.concat(chunks).toString()
  } finally {
    response.destroy()
  }
}

/** The node that {@link httpBootstrapRoutes} tell of. */
export interface BootstrapSelf {
  readonly peerId: string
  readonly endpoints: readonly Endpoint[]
}

/** Serves other nodes what they bootstrap by: this node. */
export function httpBootstrapRoutes(self: BootstrapSelf): readonly Route[] {
  return [
    {
      path: '/id',
      handler: 'bootstrap',
      async handle(exchange) {
        const headers = { 'content-type': 'application/json' }
        const body = encodeBootstrapAnswer([{ id: self.peerId, endpoints: self.endpoints }])
        await sendBytes(exchange, { status: 200, headers, body })
      },
    },
  ]
}
