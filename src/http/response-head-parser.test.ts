import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import * as fc from 'fast-check'
import { ResponseHeadError } from './errors.ts'
import { type ResponseHeadFacts, ResponseHeadParser } from './response-head-parser.ts'

type Outcome = { head: ResponseHeadFacts; rest: string } | 'incomplete' | 'refused'

/** Parses `bytes` cut into pieces of these lengths and the remainder, each of which is overwritten afterwards. */
function parse(bytes: Buffer, lengths: readonly number[] = []): Outcome {
  const parser = new ResponseHeadParser()
  let position = 0
  try {
    for (const length of [...lengths, bytes.length]) {
      const piece = Buffer.from(bytes.subarray(position, position + length))
      position += piece.length
      const parsed = parser.push(piece)
      if (parsed !== undefined) {
        const rest = Buffer.concat([parsed.rest, bytes.subarray(position)])
        return { head: parsed.head, rest: rest.toString('latin1') }
      }
      piece.fill('x')
    }
    return 'incomplete'
  } catch (error) {
    assert.ok(error instanceof ResponseHeadError)
    return 'refused'
  }
}

const ok = (fields: string): Buffer => Buffer.from(`HTTP/1.1 200 OK\r\n${fields}\r\n\r\n`, 'latin1')

/** A head of so many bytes. */
function headOf(bytes: number): Buffer {
  const bare = ok('Content-Length: 0\r\nX-A: ').length
  return ok(`Content-Length: 0\r\nX-A: ${'b'.repeat(bytes - bare)}`)
}

describe('ResponseHeadParser', () => {
  it('reads status, headers, length and what follows', () => {
    const outcome = parse(
      Buffer.from('HTTP/1.1 206 Partial Content\r\nContent-Length:\t12 \r\nX-A:b\r\nx-a: c\r\n\r\nbody'),
    )
    assert.deepEqual(outcome, {
      head: {
        status: 206,
        headers: { 'content-length': '12', 'x-a': 'b, c' },
        bodyBytes: 12,
        keepsConnection: true,
      },
      rest: 'body',
    })
  })

  it('takes a status without a reason, and a header without a value', () => {
    for (const line of ['HTTP/1.1 200', 'HTTP/1.1 200 ']) {
      assert.notEqual(parse(Buffer.from(`${line}\r\nContent-Length: 0\r\nX-A:\r\n\r\n`)), 'refused')
    }
  })

  for (const [connection, keepsConnection] of [
    ['keep-alive', true],
    ['close', false],
    ['TE, Close', false],
    ['closed', true],
  ] as const) {
    it(`${keepsConnection ? 'keeps' : 'does not keep'} a connection for "${connection}"`, () => {
      const outcome = parse(ok(`Content-Length: 0\r\nConnection: ${connection}`))
      assert.ok(typeof outcome === 'object')
      assert.equal(outcome.head.keepsConnection, keepsConnection)
    })
  }

  for (const status of [204, 304]) {
    it(`knows that ${status} has no body, whatever its length`, () => {
      for (const field of ['Content-Length: 5', 'X-A: b']) {
        const outcome = parse(Buffer.from(`HTTP/1.1 ${status} No\r\n${field}\r\n\r\n`))
        assert.ok(typeof outcome === 'object')
        assert.equal(outcome.head.bodyBytes, 0)
      }
    })
  }

  const refused: Readonly<Record<string, string>> = {
    'transfer-encoding': 'Transfer-Encoding: identity\r\nContent-Length: 5',
    'content-encoding': 'Content-Encoding: gzip\r\nContent-Length: 5',
    'no length': 'X-A: b',
    'two lengths': 'Content-Length: 5\r\nContent-Length: 6',
    'the same length twice': 'Content-Length: 5\r\ncontent-length: 5',
    'a list of lengths': 'Content-Length: 5, 5',
    'a signed length': 'Content-Length: +5',
    'a negative length': 'Content-Length: -5',
    'a hexadecimal length': 'Content-Length: 0x5',
    'an empty length': 'Content-Length:',
    'a length beyond all that is exact': 'Content-Length: 9007199254740993',
    'a length in other digits': 'Content-Length: 5\u00a0',
    'a folded line': 'Content-Length: 5\r\nX-A: b\r\n c',
    'a folded first line': ' X-A: b\r\nContent-Length: 5',
    'a space before the colon': 'Content-Length : 5',
    'no colon': 'Content-Length: 5\r\nX-A',
    'no name': 'Content-Length: 5\r\n: b',
    NUL: 'Content-Length: 5\r\nX-A: b\0',
    'a bare CR': 'Content-Length: 5\r\nX-A: b\rc',
    'a bare LF': 'Content-Length: 5\nX-A: b',
    'bytes beyond ASCII': 'Content-Length: 5\r\nX-A: \u00e9',
    'too many fields': `Content-Length: 5${'\r\nX-A: b'.repeat(100)}`,
    'too long a field': `Content-Length: 5\r\nX-A: ${'b'.repeat(16 * 1024)}`,
  }
  for (const [what, fields] of Object.entries(refused)) {
    it(`refuses ${what}`, () => assert.equal(parse(ok(fields)), 'refused'))
  }

  for (const line of [
    'HTTP/1.0 200 OK',
    'HTTP/2 200',
    'HTTP/1.1 100 Continue',
    'HTTP/1.1 20 OK',
    'HTTP/1.1 2000 OK',
    'http/1.1 200 OK',
    'HTTP/1.1  200 OK',
    ' HTTP/1.1 200 OK',
    '',
    'ICY 200 OK',
  ]) {
    it(`refuses a status line of ${JSON.stringify(line)}`, () => {
      assert.equal(parse(Buffer.from(`${line}\r\nContent-Length: 0\r\n\r\n`)), 'refused')
    })
  }

  it('keeps names that mean something to JavaScript as headers', () => {
    const outcome = parse(ok('Content-Length: 0\r\n__proto__: a\r\nconstructor: b'))
    assert.ok(typeof outcome === 'object')
    assert.deepEqual(Object.keys(outcome.head.headers), ['content-length', '__proto__', 'constructor'])
  })

  it('takes a head of 16 KiB and not a byte more', () => {
    assert.equal(typeof parse(headOf(16 * 1024)), 'object')
    assert.equal(parse(headOf(16 * 1024 + 1)), 'refused')
    assert.equal(parse(headOf(16 * 1024).subarray(0, -1)), 'incomplete')
  })

  const line = fc.oneof(
    fc.constantFrom(
      'Content-Length: 5',
      'content-length: 5',
      'Transfer-Encoding: chunked',
      'X-A: b',
      ' c',
      '',
      'X\0: b',
    ),
    fc.constant(`X-Long: ${'a'.repeat(16_300)}`),
    fc.string({ unit: 'binary-ascii' }),
  )
  const bytes = fc.oneof(
    fc.uint8Array().map(array => Buffer.from(array)),
    fc
      .tuple(
        fc.oneof(fc.constantFrom('HTTP/1.1 200 OK', 'HTTP/1.1 404'), line),
        fc.array(line),
        fc.constantFrom('\r\n', '\r\n', '\r\n', '\n'),
        fc.string(),
      )
      .map(([first, lines, end, rest]) => Buffer.from(`${[first, ...lines].join(end)}\r\n\r\n${rest}`, 'latin1')),
  )

  it('comes to the same result however the bytes are cut, and fails with its own error alone', () => {
    fc.assert(
      fc.property(bytes, fc.array(fc.nat({ max: 40 })), fc.nat({ max: 17_000 }), (whole, lengths, first) => {
        const expected = parse(whole)
        assert.deepEqual(parse(whole, lengths), expected)
        assert.deepEqual(parse(whole, [first]), expected)
        assert.deepEqual(
          parse(
            whole,
            [...whole].map(() => 1),
          ),
          expected,
        )
      }),
      { numRuns: 300 },
    )
  })

  it('reads back whatever a well-behaved peer may write', () => {
    const name = fc.stringMatching(/^x-[a-z0-9]{1,20}$/)
    const value = fc.stringMatching(/^[!-~]([ -~]{0,40}[!-~])?$/)
    const size = fc.nat({ max: 2 ** 40 })
    fc.assert(
      fc.property(fc.dictionary(name, value, { maxKeys: 20 }), size, fc.string(), (fields, length, rest) => {
        const headers = { ...fields, 'content-length': String(length) }
        const lines = Object.entries(headers).map(([key, text]) => `${key}: ${text}\r\n`)
        const outcome = parse(Buffer.from(`HTTP/1.1 200 OK\r\n${lines.join('')}\r\n${rest}`, 'latin1'))
        assert.ok(typeof outcome === 'object')
        assert.equal(outcome.head.bodyBytes, length)
        assert.deepEqual({ ...outcome.head.headers }, { ...headers })
      }),
    )
  })
})
