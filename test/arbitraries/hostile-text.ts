import * as fc from 'fast-check'

/** Pieces that parsers of names and paths trip over. */
const PIECES = [
  '/',
  ':',
  '@',
  '.',
  '..',
  '-',
  '_',
  '%',
  '%2f',
  '%2e',
  '%zz',
  '%00',
  '\0',
  '[',
  ']',
  '?',
  '#',
  ' ',
  '\n',
]
const WORDS = ['v2', 'manifests', 'blobs', 'docker.io', 'localhost', 'library', 'latest', 'sha256', 'a'.repeat(64), 'A']

/** Any sequence of UTF-16 code units, lone surrogates included. */
export const anyText = fc.uint16Array({ maxLength: 300 }).map(units => String.fromCharCode(...units))

/** Text that resembles what a parser takes, and text that does not; some of it long. */
export const hostileText = fc.oneof(
  anyText,
  fc.string({ unit: 'binary-ascii', maxLength: 300 }),
  fc.array(fc.constantFrom(...PIECES, ...WORDS), { maxLength: 20 }).map(parts => parts.join('')),
  fc.tuple(fc.constantFrom(...PIECES, ...WORDS), fc.integer({ min: 1, max: 2000 })).map(([part, n]) => part.repeat(n)),
)
