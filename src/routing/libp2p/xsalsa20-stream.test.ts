import assert from 'node:assert/strict'
import { test } from 'node:test'
import { xsalsa20 } from '@noble/ciphers/salsa.js'
import * as fc from 'fast-check'
import { XSalsa20Stream } from './xsalsa20-stream.ts'

const key = Buffer.alloc(32, 7)
const nonce = Buffer.alloc(24, 9)

test('however bytes are cut into messages, they come out as if they were one', () => {
  fc.assert(
    fc.property(fc.array(fc.uint8Array({ maxLength: 200 }), { maxLength: 12 }), messages => {
      const stream = new XSalsa20Stream({ key, nonce })
      const cut = Buffer.concat(messages.map(message => stream.apply(message)))
      assert.deepEqual(cut, Buffer.from(xsalsa20(key, nonce, Buffer.concat(messages))))
    }),
  )
})

test('what is encrypted by one end is decrypted by the other, and the input is left alone', () => {
  const [from, to] = [new XSalsa20Stream({ key, nonce }), new XSalsa20Stream({ key, nonce })]
  const text = Buffer.from('a message')
  const sealed = from.apply(text)
  assert.equal(text.toString(), 'a message')
  assert.notDeepEqual(Buffer.from(sealed), text)
  assert.equal(Buffer.from(to.apply(sealed)).toString(), 'a message')
})

test('a stream carries 256 GiB and then has no room', () => {
  const stream = new XSalsa20Stream({ key, nonce, position: 2 ** 38 - 64 - 100 })
  assert.ok(stream.hasRoomFor(100))
  assert.equal(stream.apply(Buffer.alloc(100)).length, 100)
  assert.equal(stream.hasRoomFor(1), false)
})
