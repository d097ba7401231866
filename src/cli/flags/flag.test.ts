import assert from 'node:assert/strict'
import { test } from 'node:test'
import { choice, type FlagTable, list, optional, positional, required, toggle, value } from './flag.ts'
import { ADDRESS, integer, oneOf, TEXT } from './kind.ts'
import { collectTable, readFlags } from './read-flags.ts'
import { UsageError } from './usage-error.ts'

const TABLE = {
  count: value({ name: 'count', env: 'COUNT', kind: integer(1, 9), default: '3', help: '' }),
  addr: optional({ name: 'addr', kind: ADDRESS, help: '' }),
  kind: value({ name: 'kind', env: 'KIND', kind: oneOf(['a', 'b', 'c']), default: 'c', honours: ['a', 'b'], help: '' }),
  peers: list({ name: 'peers', env: 'PEERS', kind: TEXT, help: '' }),
  once: toggle({ name: 'once', env: 'ONCE', help: '' }),
  page: toggle({ name: 'page', env: 'PAGE', default: true, honours: [false], help: '' }),
  tags: choice({ name: 'tags', env: 'TAGS', kind: oneOf(['true', 'false', 'auto']), default: 'true', help: '' }),
  gone: optional({ name: 'gone', kind: TEXT, honours: [], help: '' }),
}

const DEFAULTS = {
  count: 3,
  addr: undefined,
  kind: 'c',
  peers: [],
  once: false,
  page: true,
  tags: 'true',
  gone: undefined,
}

function read<Values extends object>(table: FlagTable<Values>, args: readonly string[], env = {}): Values {
  return readFlags(table, collectTable(args, table), env)
}

interface Case {
  readonly args?: readonly string[]
  readonly env?: Readonly<Record<string, string>>
  readonly yields: Partial<Record<keyof typeof DEFAULTS, unknown>>
}

const CASES: readonly Case[] = [
  { yields: {} },
  { args: ['--count', '9'], yields: { count: 9 } },
  { args: ['--count=4'], env: { COUNT: '5' }, yields: { count: 4 } },
  { env: { COUNT: '5' }, yields: { count: 5 } },
  { env: { COUNT: '', PEERS: '', ONCE: '', TAGS: '' }, yields: {} },
  { args: ['--addr', '[::1]:80'], yields: { addr: { host: '::1', port: 80 } } },
  { args: ['--kind', 'b'], yields: { kind: 'b' } },
  { args: ['--peers', 'a,b', 'c'], env: { PEERS: 'd' }, yields: { peers: ['a,b', 'c'] } },
  { env: { PEERS: 'a,"b,c",d' }, yields: { peers: ['a', 'b,c', 'd'] } },
  { args: ['--peers'], env: { PEERS: 'd' }, yields: { peers: [] } },
  { args: ['--once'], yields: { once: true } },
  { args: ['--once=T', '--page=false'], yields: { once: true, page: false } },
  { env: { ONCE: '1', PAGE: 'FALSE' }, yields: { once: true, page: false } },
  { args: ['--once=false'], env: { ONCE: 'true' }, yields: { once: false } },
  { args: ['--tags', 'auto'], yields: { tags: 'auto' } },
  { args: ['--tags'], env: { TAGS: 'false' }, yields: { tags: 'true' } },
]

for (const { args = [], env = {}, yields } of CASES) {
  test(`${JSON.stringify(args)} with ${JSON.stringify(env)} gives ${JSON.stringify(yields)}`, () => {
    assert.deepEqual(read(TABLE, args, env), { ...DEFAULTS, ...yields })
  })
}

const REFUSED: readonly (readonly [Omit<Case, 'yields'>, string])[] = [
  [{ args: ['--count', '10'] }, '--count "10": want an integer from 1 to 9'],
  [{ args: ['--count='] }, '--count "": want an integer from 1 to 9'],
  [{ env: { COUNT: 'two\nlines' } }, 'COUNT "two\\nlines": want an integer from 1 to 9'],
  [{ args: ['--addr', '5000'] }, '--addr "5000": want host:port or :port, IPv6 in brackets'],
  [{ args: ['--kind', 'd'] }, '--kind "d": want a, b or c'],
  [{ args: ['--kind', 'c'] }, '--kind "c": not in this release yet, which has only a or b'],
  [{ env: { KIND: 'c' } }, 'KIND "c": not in this release yet, which has only a or b'],
  [{ args: ['--page'] }, '--page "true": not in this release yet, which has only false'],
  [{ args: ['--gone', 'x'] }, '--gone "x": not in this release yet'],
  [{ args: ['--once=maybe'] }, '--once "maybe": want true or false'],
  [{ env: { PEERS: '"a' } }, 'PEERS "\\"a": want a list with commas, a value that holds one in double quotes'],
  [{ args: ['image'] }, 'unexpected argument "image"'],
]

for (const [{ args = [], env = {} }, message] of REFUSED) {
  test(`the refusal is: ${message}`, () => {
    assert.throws(() => read(TABLE, args, env), new UsageError(message))
  })
}

test('a required flag and a positional are asked for', () => {
  const table = {
    image: positional({ name: 'image', kind: TEXT, help: '' }),
    into: required({ name: 'into', kind: TEXT, help: '' }),
  }
  assert.deepEqual(read(table, ['busybox', '--into', 'x']), { image: 'busybox', into: 'x' })
  assert.throws(() => read(table, ['--into', 'x']), new UsageError('<image> is required: want text'))
  assert.throws(() => read(table, ['busybox']), new UsageError('--into is required: want text'))
  assert.throws(() => read(table, ['a', 'b', '--into=x']), new UsageError('unexpected argument "b"'))
})
