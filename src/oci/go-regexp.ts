import { InvalidFilterError } from './errors.ts'

/** `(?i)`, `(?ms)` and the like in front of a pattern. */
const LEADING_FLAGS = /^\(\?(?<flags>[ims]+)\)/

/**
 * What reads differently in Go and in JavaScript, each as one token: `\Q…\E`, an escape, a character class, the start of
 * a named group, flags that are set midway.
 */
const TOKEN =
  /\\Q[\s\S]*?(?:\\E|$)|\\x\{[0-9a-fA-F]+\}|\\[\s\S]|\[\^?\]?(?:\[:\^?\w+:\]|\\[\s\S]|[^\]\\])*\]|\(\?P<|\(\?[a-zA-Z-]+\)/g
const TOKEN_IN_CLASS = /\\x\{[0-9a-fA-F]+\}|\\[\s\S]|\[:\^?\w+:\]/g

/** POSIX classes, as the inside of a JavaScript class. */
const POSIX_CLASSES = new Map([
  ['[:alnum:]', '0-9A-Za-z'],
  ['[:alpha:]', 'A-Za-z'],
  ['[:digit:]', '0-9'],
  ['[:lower:]', 'a-z'],
  ['[:upper:]', 'A-Z'],
  ['[:punct:]', '!-\\/:-@\\[-`\\{-~'],
  ['[:space:]', '\\t-\\r '],
  ['[:word:]', '0-9A-Za-z_'],
  ['[:xdigit:]', '0-9A-Fa-f'],
])

/**
 * Compiles a regular expression in Go's syntax. The result keeps no state between uses.
 * @throws {InvalidFilterError} where it is none, or uses what has no counterpart in JavaScript
 * @see https://github.com/google/re2/wiki/Syntax
 */
export function compileGoRegexp(pattern: string): RegExp {
  const leading = LEADING_FLAGS.exec(pattern)
  const source = pattern.slice(leading?.[0].length ?? 0).replace(TOKEN, token => translate(token, pattern))
  try {
    // In Unicode mode an escape that JavaScript does not know is an error instead of a letter.
    return new RegExp(source, `u${leading?.groups?.['flags'] ?? ''}`)
  } catch (cause) {
    throw new InvalidFilterError(pattern, cause instanceof Error ? cause.message : String(cause), { cause })
  }
}

function translate(token: string, pattern: string): string {
  if (token === '\\A') return '(?<![\\s\\S])'
  if (token === '\\z') return '(?![\\s\\S])'
  if (token === '(?P<') return '(?<'
  if (token.startsWith('\\Q')) return token.replace(/^\\Q|\\E$/g, '').replace(/[\\^$.*+?()[\]{}|/]/g, '\\$&')
  if (token.startsWith('\\')) return translateEscape(token)
  if (token.startsWith('[')) return translateClass(token, pattern)
  throw new InvalidFilterError(pattern, `instead of ${token} write (?i), (?m) or (?s) in front, or a group (?i:…)`)
}

/** Go takes a bracket that comes first for itself, and knows POSIX classes. */
function translateClass(token: string, pattern: string): string {
  return token.replace(/^\[(\^?)\]/, '[$1\\]').replace(TOKEN_IN_CLASS, part => {
    if (part === '\\-') return part
    if (part.startsWith('\\')) return translateEscape(part)
    const posix = POSIX_CLASSES.get(part)
    if (posix === undefined) throw new InvalidFilterError(pattern, `the class ${part} is not supported`)
    return posix
  })
}

/** Go lets any punctuation be escaped, JavaScript only what has a meaning; Go puts code points in braces after an x. */
function translateEscape(escape: string): string {
  if (escape.startsWith('\\x{')) return `\\u${escape.slice(2)}`
  return /^\\[!"#%&',:;<=>@_`~-]$/.test(escape) ? escape.slice(1) : escape
}
