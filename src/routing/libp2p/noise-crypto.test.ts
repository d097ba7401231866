import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { pureJsCrypto } from '@libp2p/noise'
import * as fc from 'fast-check'
import { noiseCrypto } from './noise-crypto.ts'

const bytes = (length: number): fc.Arbitrary<Uint8Array> => fc.uint8Array({ minLength: length, maxLength: length })
const text = fc.uint8Array({ maxLength: 5000, size: 'max' })
const RUNS = { numRuns: 50 }

const plain = (data: Uint8Array | { subarray(): Uint8Array }): Uint8Array => new Uint8Array(data.subarray())

describe("Noise's primitives from node:crypto agree with the library's own", () => {
  test('SHA-256', () => {
    fc.assert(
      fc.property(text, data => assert.deepEqual(plain(noiseCrypto.hashSHA256(data)), pureJsCrypto.hashSHA256(data))),
      RUNS,
    )
  })

  test('HKDF', () => {
    fc.assert(
      fc.property(bytes(32), fc.constantFrom(0, 32), (chainingKey, length) => {
        const input = new Uint8Array(length).fill(7)
        assert.deepEqual(noiseCrypto.getHKDF(chainingKey, input), pureJsCrypto.getHKDF(chainingKey, input))
      }),
      RUNS,
    )
  })

  test('X25519 of a seed and of a peer', () => {
    fc.assert(
      fc.property(bytes(32), bytes(32), (ours, theirs) => {
        const { publicKey } = pureJsCrypto.generateX25519KeyPairFromSeed(theirs)
        assert.deepEqual(
          plain(noiseCrypto.generateX25519KeyPairFromSeed(ours).publicKey),
          pureJsCrypto.generateX25519KeyPairFromSeed(ours).publicKey,
        )
        assert.deepEqual(
          plain(noiseCrypto.generateX25519SharedKey(ours, publicKey)),
          pureJsCrypto.generateX25519SharedKey(ours, publicKey),
        )
      }),
      RUNS,
    )
  })

  test('a fresh key pair', () => {
    const pair = noiseCrypto.generateX25519KeyPair()
    assert.deepEqual(
      plain(pair.publicKey),
      pureJsCrypto.generateX25519KeyPairFromSeed(plain(pair.privateKey)).publicKey,
    )
  })

  test('ChaCha20-Poly1305, both ways', () => {
    fc.assert(
      fc.property(text, bytes(12), bytes(32), (plaintext, nonce, key) => {
        const associated = nonce.subarray(4)
        const sealed = noiseCrypto.chaCha20Poly1305Encrypt(plaintext, nonce, associated, key)
        assert.deepEqual(plain(sealed), pureJsCrypto.chaCha20Poly1305Encrypt(plaintext, nonce, associated, key))
        assert.deepEqual(plain(noiseCrypto.chaCha20Poly1305Decrypt(sealed, nonce, associated, key)), plaintext)
      }),
      RUNS,
    )
  })

  for (const sealedBytes of [6, 4000])
    test(`a ciphertext of ${sealedBytes} bytes that was tampered with, or is shorter than its tag, is refused`, () => {
      const [nonce, key, associated] = [new Uint8Array(12), new Uint8Array(32), new Uint8Array(0)]
      const sealed = plain(
        noiseCrypto.chaCha20Poly1305Encrypt(new Uint8Array(sealedBytes).fill(5), nonce, associated, key),
      )
      for (const index of [0, 1, sealedBytes - 1, sealedBytes, sealed.length - 1]) {
        const tampered = sealed.map((byte, at) => (at === index ? byte ^ 1 : byte))
        assert.throws(() => noiseCrypto.chaCha20Poly1305Decrypt(tampered, nonce, associated, key))
      }
      assert.throws(() => noiseCrypto.chaCha20Poly1305Decrypt(sealed.subarray(0, 5), nonce, associated, key))
    })
})
