/** What an upstream registry does wrong with one request. */
export type Fault =
  /** Answers with an error at once. */
  | { readonly kind: 'status'; readonly status: number }
  /** Ends the connection after so many bytes of the body, with FIN or RST. */
  | { readonly kind: 'cut'; readonly afterBytes: number; readonly how: 'fin' | 'reset' }
  /** Sends one wrong byte at a position of the body. */
  | { readonly kind: 'corrupt'; readonly atByte: number }
  /** Never answers. */
  | { readonly kind: 'hang' }

/** A request that reached the upstream registry. */
export interface UpstreamRequest {
  readonly method: string
  /** The name that it was asked by. */
  readonly host: string
  /** Path and query. */
  readonly target: string
  /** The tag, digest or nothing at the end of the path. */
  readonly reference: string
  /** The header's value. */
  readonly range: string | undefined
  readonly authorization: string | undefined
  /** Address of the client. */
  readonly client: string
  /** When it came, in milliseconds since the process started. */
  readonly at: number
  /** Status answered; undefined before that. */
  readonly status: number | undefined
  /** Bytes of the body sent so far. */
  readonly bytes: number
}
