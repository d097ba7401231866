import assert from 'node:assert/strict'
import test from 'node:test'
import * as fc from 'fast-check'
import { hostileText } from '../../test/arbitraries/hostile-text.ts'
import { InvalidFilterError } from './errors.ts'
import { compileGoRegexp } from './go-regexp.ts'

const understood = [
  ['^docker.io', ['docker.io/a', 'docker-io'], ['ghcr.io/docker.io']],
  [':latest$', ['x.io/a:latest'], ['x.io/a:latest-2', 'x.io/a:latest\n']],
  ['(?i)^DOCKER', ['docker.io'], ['x.docker.io']],
  ['(?i:DOCKER)/A', ['docker/A'], ['docker/a']],
  ['(?s)a.b', ['a\nb'], ['ab']],
  ['(?ms)^b$', ['a\nb\nc'], ['a b']],
  ['\\Aa\\z', ['a'], ['ba', 'ab', 'a\n']],
  ['(?m)\\Aa\\z', ['a'], ['a\nb', 'b\na']],
  ['\\\\z', ['\\z'], ['']],
  ['(?P<registry>docker)', ['docker'], ['x']],
  ['(?<registry>docker)', ['docker'], ['x']],
  ['a\\-b\\_c\\:d', ['a-b_c:d'], ['a\\-b']],
  ['^[a\\-c]$', ['a', '-', 'c'], ['b']],
  ['^[\\w.\\_\\-]+$', ['a_-.'], ['/']],
  ['^[]a]$', [']', 'a'], ['b']],
  ['^[^]a]$', ['b'], [']', 'a']],
  ['\\Qa.b/c\\E$', ['a.b/c'], ['aXb/c', 'a.b/cd']],
  ['\\Qa.b[', ['a.b['], ['aXb[']],
  ['^[[:alpha:][:digit:]]+$', ['a1'], ['-']],
  ['^[^[:space:]]+$', ['a'], ['a b']],
  ['^[[:upper:]]$', ['A'], ['a']],
  ['^[[:punct:]]+$', ['!"#$%&\'()*+,-./:;<=>?@[\\]^_`{|}~'], ['a', ' ']],
  ['^\\x{41}\\x42[\\x{43}]$', ['ABC'], ['x{41}']],
  ['^\\p{N}\\p{Lu}$', ['1A'], ['1a']],
  ['a{2}', ['aa'], ['a']],
] as const

for (const [pattern, matching, others] of understood) {
  test(`${pattern} matches as in Go`, () => {
    const regexp = compileGoRegexp(pattern)
    for (const text of matching) assert.equal(regexp.test(text), true, JSON.stringify(text))
    for (const text of others) assert.equal(regexp.test(text), false, JSON.stringify(text))
  })
}

const rejected = [
  ['(', /Unterminated group/],
  ['[a', /character class/],
  ['a**', /Nothing to repeat/],
  ['*', /Nothing to repeat/],
  ['a(?i)b', /instead of \(\?i\) write/],
  ['(?U)a', /instead of \(\?U\) write/],
  ['(?i-s)a', /instead of \(\?i-s\) write/],
  ['(?U:a)', /Invalid/],
  ['\\C', /Invalid escape/],
  ['\\pL', /Invalid property name/],
  ['[[:^alpha:]]', /class \[:\^alpha:\] is not supported/],
  ['[[:graph:]]', /class \[:graph:\] is not supported/],
  ['\\', /at end of pattern/],
] as const

for (const [pattern, message] of rejected) {
  test(`${pattern} is refused with a reason`, () => {
    assert.throws(
      () => compileGoRegexp(pattern),
      error => {
        assert.ok(error instanceof InvalidFilterError)
        assert.ok(error.message.includes(JSON.stringify(pattern)))
        assert.match(error.message, message)
        return true
      },
    )
  })
}

test('any text is a regular expression or an InvalidFilterError', () => {
  const pieces = [
    '(?i)',
    '(?P<',
    '\\Q',
    '\\E',
    '\\z',
    '[',
    '[^]',
    '[:alpha:]',
    ']',
    '(',
    ')',
    '\\',
    '*',
    '{2}',
    'a',
    '-',
  ]
  const patterns = fc.array(fc.constantFrom(...pieces), { maxLength: 12 }).map(parts => parts.join(''))
  fc.assert(
    fc.property(fc.oneof(hostileText, patterns), text => {
      try {
        compileGoRegexp(text)
      } catch (error) {
        assert.ok(error instanceof InvalidFilterError)
      }
    }),
  )
})

test('quoted text matches itself and nothing else', () => {
  const texts = fc.string({ maxLength: 20 }).filter(text => !text.includes('\\E'))
  fc.assert(
    fc.property(texts, texts, (text, other) => {
      const regexp = compileGoRegexp(`\\A\\Q${text}\\E\\z`)
      assert.equal(regexp.test(text), true)
      assert.equal(regexp.test(other), text === other)
    }),
  )
})
