import { compileGoRegexp } from '../../oci/go-regexp.ts'
import { isWildcardRegistry, parseRegistryUrl } from '../../oci/registry-url.ts'
import { type Address, parseAddress } from './address.ts'
import { parseByteSize } from './byte-size.ts'
import { parseDuration } from './duration.ts'

/** What a flag's text means. */
export interface Kind<T> {
  /** Stands for the value in help. */
  readonly placeholder: string
  /** What is accepted; ends a sentence that starts with “want”. */
  readonly accepts: string
  /** The value of `text`, undefined where it is not acceptable. */
  parse(text: string): T | undefined
}

/** Any text. */
export const TEXT: Kind<string> = { placeholder: 'TEXT', accepts: 'text', parse: text => text }

/** A path of a file or directory; whether it exists is for the command to find out. */
export const PATH: Kind<string> = {
  placeholder: 'PATH',
  accepts: 'a path',
  parse: text => (text.includes('\0') ? undefined : text),
}

/** What fits into the address of a unix socket. */
const MAX_SOCKET_PATH_BYTES = 107

/** A path of a unix socket, which containerd's own tools also write as a URL. */
export const SOCKET: Kind<string> = {
  placeholder: 'PATH',
  accepts: `the path of a socket, at most ${MAX_SOCKET_PATH_BYTES} bytes`,
  parse: text => {
    const path = text.replace(/^unix:\/\//, '')
    const isUsable = path !== '' && !path.includes('\0') && Buffer.byteLength(path) <= MAX_SOCKET_PATH_BYTES
    return isUsable ? path : undefined
  },
}

/** @see https://github.com/containerd/containerd/blob/main/pkg/identifiers/validate.go */
const IDENTIFIER = /^(?=.{1,76}$)[A-Za-z0-9]+(?:[._-][A-Za-z0-9]+)*$/

/** A namespace of containerd. */
export const NAMESPACE: Kind<string> = {
  placeholder: 'NAME',
  accepts: 'letters and digits, with single dots, hyphens and underscores between them',
  parse: text => (IDENTIFIER.test(text) ? text : undefined),
}

const BOOLEANS: ReadonlyMap<string, boolean> = new Map([
  ...['1', 't', 'T', 'true', 'True', 'TRUE'].map(text => [text, true] as const),
  ...['0', 'f', 'F', 'false', 'False', 'FALSE'].map(text => [text, false] as const),
])

/** The spellings that Go accepts, of which `true` and `false` are documented. */
export const BOOLEAN: Kind<boolean> = {
  placeholder: 'true|false',
  accepts: 'true or false',
  parse: text => BOOLEANS.get(text),
}

/** Milliseconds, written as Go writes durations. */
export const DURATION: Kind<number> = {
  placeholder: 'DURATION',
  accepts: 'a duration such as 20ms or 1m30s',
  parse: parseDuration,
}

/** Bytes per second, above 0. */
export const BYTE_RATE: Kind<number> = {
  placeholder: 'RATE',
  accepts: 'bytes per second such as 20MB or 512KiB',
  parse: text => parseByteSize(text) || undefined,
}

/** Where to listen. */
export const ADDRESS: Kind<Address> = {
  placeholder: 'ADDRESS',
  accepts: 'host:port or :port, IPv6 in brackets',
  parse: parseAddress,
}

/** Labels of letters, digits, hyphens and underscores. */
const DOMAIN_NAME = /^(?=.{1,254}$)[a-z0-9_-]{1,63}(?:\.[a-z0-9_-]{1,63})*\.?$/i

/** A name to look up. */
export const DOMAIN: Kind<string> = {
  placeholder: 'NAME',
  accepts: 'a DNS name such as spegel-bootstrap.spegel.svc.cluster.local.',
  parse: text => (DOMAIN_NAME.test(text) ? text : undefined),
}

/** A regular expression in Go's syntax, kept as text. */
export const GO_REGEX: Kind<string> = {
  placeholder: 'REGEX',
  accepts: 'a regular expression',
  parse: textThat(compileGoRegexp),
}

/** The URL of a registry, or a word for all of them; kept as text. */
export const REGISTRY_URL: Kind<string> = {
  placeholder: 'URL',
  accepts: 'the URL of a registry such as https://docker.io, _default or *',
  parse: textThat(text => isWildcardRegistry(text) || parseRegistryUrl(text)),
}

/** An http or https URL; credentials in it can be decoded. */
export const HTTP_URL: Kind<URL> = {
  placeholder: 'URL',
  accepts: 'an http:// or https:// URL',
  parse: orUndefined(text => {
    const url = new URL(text)
    decodeURIComponent(url.username + url.password)
    return /^https?:$/.test(url.protocol) ? url : undefined
  }),
}

/** A decimal integer within bounds, both included. */
export function integer(min: number, max: number): Kind<number> {
  return {
    placeholder: 'N',
    accepts: `an integer from ${min} to ${max}`,
    parse: text => {
      const value = Number(text)
      return /^-?\d+$/.test(text) && value >= min && value <= max ? value : undefined
    },
  }
}

/** One of some words, in any case where `ignoreCase`. */
export function oneOf<const Word extends string>(
  words: readonly Word[],
  options: { readonly ignoreCase?: boolean } = {},
): Kind<Word> {
  const fold = (text: string) => (options.ignoreCase === true ? text.toLowerCase() : text)
  return {
    placeholder: words.join('|'),
    accepts: words.length < 2 ? words.join() : `${words.slice(0, -1).join(', ')} or ${words.at(-1)}`,
    parse: text => words.find(word => fold(word) === fold(text)),
  }
}

/** Turns a parser that may throw into one of {@link Kind}. */
export function orUndefined<T>(parse: (text: string) => T | undefined): (text: string) => T | undefined {
  return text => {
    try {
      return parse(text)
    } catch {
      return undefined
    }
  }
}

/** Passes on the text that `check` does not throw for. */
function textThat(check: (text: string) => unknown): (text: string) => string | undefined {
  return orUndefined(text => {
    check(text)
    return text
  })
}
