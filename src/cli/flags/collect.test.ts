import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as fc from 'fast-check'
import { collectFlags } from './collect.ts'
import type { Shape } from './flag.ts'
import { UsageError } from './usage-error.ts'

const SHAPES: ReadonlyMap<string, Shape> = new Map([
  ['addr', 'value'],
  ['peers', 'list'],
  ['once', 'switch'],
  ['tags', 'choice'],
  ['help', 'switch'],
])

interface Case {
  readonly args: readonly string[]
  readonly flags: Readonly<Record<string, readonly string[]>>
  readonly positionals?: readonly string[]
}

const CASES: readonly Case[] = [
  { args: [], flags: {} },
  { args: ['--addr', ':1'], flags: { addr: [':1'] } },
  { args: ['--addr=:1'], flags: { addr: [':1'] } },
  { args: ['--addr=a=b'], flags: { addr: ['a=b'] } },
  { args: ['--addr='], flags: { addr: [''] } },
  { args: ['--addr', '-'], flags: { addr: ['-'] } },
  { args: ['--addr', '-1'], flags: { addr: ['-1'] } },
  { args: ['--addr=--once'], flags: { addr: ['--once'] } },
  { args: ['--addr', 'a', '--addr', 'b'], flags: { addr: ['b'] } },
  { args: ['--peers', 'a', 'b', 'c'], flags: { peers: ['a', 'b', 'c'] } },
  { args: ['--peers', 'a', '--addr', ':1', 'image'], flags: { peers: ['a'], addr: [':1'] }, positionals: ['image'] },
  { args: ['--peers=a', 'image'], flags: { peers: ['a'] }, positionals: ['image'] },
  { args: ['--peers', 'a', 'b', '--peers', 'c'], flags: { peers: ['c'] } },
  { args: ['--peers', 'a', '--peers=b', 'c'], flags: { peers: ['b'] }, positionals: ['c'] },
  { args: ['--peers', '--once'], flags: { peers: [], once: ['true'] } },
  { args: ['--peers', 'a', '--', 'b'], flags: { peers: ['a'] }, positionals: ['b'] },
  { args: ['--once'], flags: { once: ['true'] } },
  { args: ['--once=false'], flags: { once: ['false'] } },
  { args: ['--once', 'false'], flags: { once: ['true'] }, positionals: ['false'] },
  { args: ['--tags', 'auto', 'image'], flags: { tags: ['auto'] }, positionals: ['image'] },
  { args: ['--tags=auto', 'image'], flags: { tags: ['auto'] }, positionals: ['image'] },
  { args: ['--tags', '--once'], flags: { tags: ['true'], once: ['true'] } },
  { args: ['-h'], flags: { help: ['true'] } },
  { args: ['image', '--once'], flags: { once: ['true'] }, positionals: ['image'] },
  { args: ['--', '--addr'], flags: {}, positionals: ['--addr'] },
]

for (const { args, flags, positionals = [] } of CASES) {
  test(`${JSON.stringify(args)} comes apart`, () => {
    const collected = collectFlags(args, SHAPES)
    assert.deepEqual(Object.fromEntries(collected.flags), flags)
    assert.deepEqual(collected.positionals, positionals)
  })
}

const REFUSED: readonly (readonly [readonly string[], string])[] = [
  [['--addr'], '--addr: a value is missing'],
  [['--addr', '--once'], '--addr: a value is missing'],
  [['--adr=:1'], 'unknown flag "--adr", did you mean --addr?'],
  [['--nothing-like-it'], 'unknown flag "--nothing-like-it"'],
  [['-once'], 'unknown flag "-once", did you mean --once?'],
  [['--constructor'], 'unknown flag "--constructor"'],
]

for (const [args, message] of REFUSED) {
  test(`${JSON.stringify(args)} is refused with: ${message}`, () => {
    assert.throws(() => collectFlags(args, SHAPES), new UsageError(message))
  })
}

test('no command line is understood in part: it comes apart, or is refused', () => {
  const word = fc.oneof(fc.constantFrom('--addr', '--peers', '--once', '--tags', '--', '-'), fc.string())
  fc.assert(
    fc.property(fc.array(word), args => {
      try {
        const { flags, positionals } = collectFlags(args, SHAPES)
        assert.ok([...flags.keys()].every(name => SHAPES.has(name)))
        for (const text of [...positionals, ...[...flags.values()].flat()]) {
          assert.ok(text === 'true' || args.some(arg => arg.endsWith(text)))
        }
      } catch (error) {
        assert.ok(error instanceof UsageError)
        assert.doesNotMatch(error.message, /\n/)
      }
    }),
  )
})
