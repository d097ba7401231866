import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { formatHostPort } from './host-port.ts'

describe('formatHostPort', () => {
  for (const [host, text] of [
    ['127.0.0.1', '127.0.0.1:5000'],
    ['node', 'node:5000'],
    ['fd00::1', '[fd00::1]:5000'],
    [undefined, ':5000'],
  ] as const) {
    it(`writes ${text}`, () => {
      assert.equal(formatHostPort({ host, port: 5000 }), text)
    })
  }
})
