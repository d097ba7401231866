import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import test from 'node:test'
import { createLog, LOG_LEVELS, type Log, type LogLevel } from './log.ts'

/** A log and the lines that it wrote, parsed. */
function capture(level: LogLevel = 'DEBUG'): { readonly log: Log; readonly lines: Record<string, unknown>[] } {
  const lines: Record<string, unknown>[] = []
  const log = createLog(level, {
    write: line => {
      assert.match(line, /^\{.*\}\n$/)
      lines.push(JSON.parse(line))
    },
  })
  return { log, lines }
}

for (const [least, level] of LOG_LEVELS.entries()) {
  test(`at ${level} a log writes ${LOG_LEVELS.slice(least).join(', ')}`, () => {
    const { log, lines } = capture(level)
    log.debug('d')
    log.info('i')
    log.warn('w')
    log.error('e')
    assert.deepEqual(
      lines.map(line => line['level']),
      LOG_LEVELS.slice(least),
    )
  })
}

test('a line has its time, level, message and fields, and nothing else', () => {
  const { log, lines } = capture()
  log.info('100 %s of it\nserved', { peer: '10.0.0.1:5000', bytes: 5 })
  const { time, ...rest } = lines[0] ?? {}
  assert.deepEqual(rest, { level: 'INFO', msg: '100 %s of it\nserved', peer: '10.0.0.1:5000', bytes: 5 })
  assert.equal(typeof time === 'string' && new Date(time).toISOString(), time)
})

test('a derived log adds its fields to each line and leaves the original alone', () => {
  const { log, lines } = capture()
  const derived = log.with({ component: 'mirror' }).with({ peer: 'a' })
  derived.warn('one', { peer: 'b' })
  derived.debug('two')
  log.info('three')
  assert.deepEqual(
    lines.map(({ component, peer }) => [component, peer]),
    [
      ['mirror', 'b'],
      ['mirror', 'a'],
      [undefined, undefined],
    ],
  )
})

test('an error with a code is written with it, its causes, and without stacks', () => {
  const { log, lines } = capture()
  const cause = Object.assign(new TypeError('refused'), { code: 'ECONNREFUSED' })
  log.error('failed', { error: Object.assign(new Error('no peer', { cause }), { code: 'PEER_CONNECT' }) })
  assert.deepEqual(lines[0]?.['error'], {
    name: 'Error',
    message: 'no peer',
    code: 'PEER_CONNECT',
    cause: { name: 'TypeError', message: 'refused', code: 'ECONNREFUSED' },
  })
})

test('an error without a code is written with its stack', () => {
  const { log, lines } = capture()
  const error = new RangeError('defect')
  log.error('failed', { error })
  assert.deepEqual(lines[0]?.['error'], { name: 'RangeError', message: 'defect', stack: error.stack })
})

test('an aggregate error is written with its first parts', () => {
  const { log, lines } = capture()
  const parts = ['a', 'b', 'c', 'd', 'e'].map(code => Object.assign(new Error('dial'), { code }))
  log.error('failed', { error: Object.assign(new AggregateError(parts, ''), { code: 'ECONNREFUSED' }) })
  assert.deepEqual(lines[0]?.['error'], {
    name: 'AggregateError',
    message: '',
    code: 'ECONNREFUSED',
    errors: ['a', 'b', 'c', 'd'].map(code => ({ name: 'Error', message: 'dial', code })),
  })
})

test('causes that go round in a circle end', () => {
  const { log, lines } = capture()
  const error = Object.assign(new Error('loop'), { code: 'LOOP' })
  error.cause = error
  log.error('failed', { error })
  assert.equal(JSON.stringify(lines[0]).split('loop').length - 1, 5)
})

const thrown = [
  ['text', 'text'],
  [42, '42'],
  [null, 'null'],
  [{ a: 1 }, '{ a: 1 }'],
  [Object.create(null), '[Object: null prototype] {}'],
] as const

for (const [value, message] of thrown) {
  test(`what is thrown but is no error is written as text: ${message}`, () => {
    const { log, lines } = capture()
    log.error('failed', { error: value })
    assert.deepEqual(lines[0]?.['error'], { name: 'Error', message })
  })
}

test('a value that JSON cannot hold does not break the line', () => {
  const { log, lines } = capture()
  const circular: Record<string, unknown> = {}
  circular['self'] = circular
  log.info('odd', { circular, missing: undefined, call: () => {}, nothing: Number.NaN })
  assert.equal(lines[0]?.['msg'], 'odd')
})

test('lines go to stderr, and the last one is there when the process exits at once', () => {
  const script = "const { createLog } = await import(process.argv[1]); createLog('INFO').info('last'); process.exit(3)"
  const module = new URL('./log.ts', import.meta.url).href
  const child = spawnSync(process.execPath, ['--input-type=module', '--eval', script, module], { encoding: 'utf8' })
  assert.equal(child.status, 3)
  assert.equal(child.stdout, '')
  assert.equal(JSON.parse(child.stderr).msg, 'last')
})
