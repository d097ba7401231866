/**
 * Error codes of the distribution specification, and `UNKNOWN` for what went wrong inside the mirror, with the HTTP
 * status each is sent with unless told otherwise. containerd reacts to the status alone: 401 would make it hand the
 * user's registry password to the mirror, 408 and 429 make it ask six times over, so none of them is a default.
 * UNSUPPORTED is 404, not 405, because 405 needs an `Allow` header.
 * @see https://github.com/opencontainers/distribution-spec/blob/main/spec.md#error-codes
 */
const STATUS = {
  BLOB_UNKNOWN: 404,
  BLOB_UPLOAD_INVALID: 400,
  BLOB_UPLOAD_UNKNOWN: 404,
  DENIED: 403,
  DIGEST_INVALID: 400,
  MANIFEST_BLOB_UNKNOWN: 404,
  MANIFEST_INVALID: 400,
  MANIFEST_UNKNOWN: 404,
  NAME_INVALID: 400,
  NAME_UNKNOWN: 404,
  SIZE_INVALID: 400,
  TOOMANYREQUESTS: 503,
  UNAUTHORIZED: 403,
  UNKNOWN: 500,
  UNSUPPORTED: 404,
} as const

export type DistributionErrorCode = keyof typeof STATUS

export interface DistributionErrorOptions extends ErrorOptions {
  /** HTTP status; default: that of the code. */
  readonly status?: number
  /** Response headers beside those of every error. */
  readonly headers?: Readonly<Record<string, string>>
  /** Sent to the client beside the message. */
  readonly detail?: string | Readonly<Record<string, string | number>>
}

/** A request that is answered with an error. `message` and `detail` reach the client; `cause` does not. */
export class DistributionError extends Error {
  readonly code: DistributionErrorCode
  readonly status: number
  readonly headers: Readonly<Record<string, string>>
  readonly detail: DistributionErrorOptions['detail']

  constructor(code: DistributionErrorCode, message: string, options: DistributionErrorOptions = {}) {
    super(message, 'cause' in options ? { cause: options.cause } : undefined)
    this.name = 'DistributionError'
    this.code = code
    this.status = options.status ?? STATUS[code]
    this.headers = options.headers ?? {}
    this.detail = options.detail
  }
}

/** The JSON body that tells a client of `error`. */
export function distributionErrorBody(error: DistributionError): string {
  const { code, message, detail } = error
  return JSON.stringify({ errors: [{ code, message, detail }] })
}
