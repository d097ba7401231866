import { registryHost } from '../../oci/registry-url.ts'
import { fetchToken, parseBearerChallenge } from './bearer-auth.ts'
import { Exchange, type ExchangeRequest } from './exchange.ts'
import type { PullFlags } from './flags.ts'

/** What our mirror says in a response of where it got the content: `store`, or the `host:port` of a peer. */
const SOURCE_HEADER = 'x-spegel-source'
/** What of that is believed and shown; anything else could write to a terminal what it likes. */
const SOURCE = /^[\x21-\x7e]{1,100}$/

/** A registry or mirror that content is asked of. */
export class RegistryHost {
  readonly #kind: 'mirror' | 'upstream'
  readonly #base: URL
  readonly #registry: string
  #authorization: string | undefined

  /** @param options `registry`: the one that is asked for, as images name it */
  constructor(kind: 'mirror' | 'upstream', url: URL, options: { readonly registry: string }) {
    this.#kind = kind
    this.#base = new URL(url)
    this.#base.username = ''
    this.#base.password = ''
    this.#registry = options.registry
    if (url.username !== '' || url.password !== '') {
      const credentials = `${decodeURIComponent(url.username)}:${decodeURIComponent(url.password)}`
      this.#authorization = `Basic ${Buffer.from(credentials).toString('base64')}`
    }
  }

  /** Host and port. */
  get name(): string {
    return this.#base.host
  }

  /**
   * Sends a request. Where upstream asks for a token, one for everybody is fetched and kept for later requests; a mirror
   * gets no credentials but those of its own URL.
   * @param target path and query, as `formatDistributionPath` makes it
   * @throws {HostError} where no response comes
   */
  async send(target: string, request: ExchangeRequest): Promise<Exchange> {
    const exchange = await this.#send(target, request)
    if (exchange.status !== 401 || this.#kind === 'mirror') return exchange
    const challenge = parseBearerChallenge(exchange.header('www-authenticate') ?? '')
    if (challenge === undefined) return exchange
    await exchange[Symbol.asyncDispose]()
    this.#authorization = `Bearer ${await fetchToken(challenge, request)}`
    return await this.#send(target, request)
  }

  /** Where the content of `exchange` came from, as far as can be told. */
  sourceOf(exchange: Exchange): string {
    if (this.#kind === 'upstream') return 'upstream'
    const source = exchange.header(SOURCE_HEADER) ?? ''
    return SOURCE.test(source) ? source : this.name
  }

  #send(target: string, request: ExchangeRequest): Promise<Exchange> {
    const url = new URL(this.#base.pathname.replace(/\/$/, '') + target, this.#base)
    if (!isProxy(this.name, this.#registry)) url.searchParams.delete('ns')
    const headers = this.#authorization === undefined ? {} : { authorization: this.#authorization }
    return Exchange.open(url, { ...request, headers: { ...request.headers, ...headers } })
  }
}

/** The hosts to ask for `reference`, in order: the mirror if there is one, then upstream. */
export function hostsFor(flags: Pick<PullFlags, 'reference' | 'mirror' | 'upstream'>): readonly RegistryHost[] {
  const { registry } = flags.reference
  const upstream = flags.upstream ?? new URL(`https://${registryHost(registry)}`)
  return [
    ...(flags.mirror === undefined ? [] : [new RegistryHost('mirror', flags.mirror, { registry })]),
    new RegistryHost('upstream', upstream, { registry }),
  ]
}

/**
 * Whether the host `name` stands in for `registry`, and so has to be told which registry is meant.
 * @see https://github.com/containerd/containerd/blob/main/core/remotes/docker/registry.go
 */
export function isProxy(name: string, registry: string): boolean {
  return name !== registry && name !== registryHost(registry)
}
