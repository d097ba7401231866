import {
  createCipheriv,
  createDecipheriv,
  createHash,
  createPrivateKey,
  createPublicKey,
  diffieHellman,
  generateKeyPairSync,
  hkdfSync,
  type KeyObject,
} from 'node:crypto'
import { type ICryptoInterface, type KeyPair, pureJsCrypto } from '@libp2p/noise'

const CIPHER = 'chacha20-poly1305'
const TAG_BYTES = 16
const KEY_BYTES = 32
/** Below this, setting up a cipher of `node:crypto` costs more than all of the work done in JavaScript. */
const SMALL_BYTES = 2048
/** Noise splits its chaining key into at most three. */
const DERIVED_KEYS = 3

/** DER in front of the 32 bytes of a raw X25519 key (RFC 8410): what `node:crypto` takes and gives. */
const PRIVATE_PREFIX = Buffer.from('302e020100300506032b656e04220420', 'hex')
const PUBLIC_PREFIX = Buffer.from('302a300506032b656e032100', 'hex')

type Bytes = Uint8Array | { subarray(): Uint8Array }

function privateKeyOf(raw: Bytes): KeyObject {
  return createPrivateKey({ key: Buffer.concat([PRIVATE_PREFIX, raw.subarray()]), format: 'der', type: 'pkcs8' })
}

function publicKeyOf(raw: Bytes): KeyObject {
  return createPublicKey({ key: Buffer.concat([PUBLIC_PREFIX, raw.subarray()]), format: 'der', type: 'spki' })
}

function keyPairOf(privateKey: KeyObject): KeyPair {
  const der = { private: { format: 'der', type: 'pkcs8' }, public: { format: 'der', type: 'spki' } } as const
  return {
    privateKey: privateKey.export(der.private).subarray(PRIVATE_PREFIX.length),
    publicKey: createPublicKey(privateKey).export(der.public).subarray(PUBLIC_PREFIX.length),
  }
}

/**
 * The primitives of Noise_XX_25519_ChaChaPoly_SHA256 from `node:crypto`, except for small messages. The library's default
 * compiles two WebAssembly modules instead, which costs 7 MiB of resident memory in every node.
 */
export const noiseCrypto: ICryptoInterface = {
  hashSHA256: data => createHash('sha256').update(data.subarray()).digest(),

  getHKDF(chainingKey, input) {
    const derived = new Uint8Array(hkdfSync('sha256', input, chainingKey, '', DERIVED_KEYS * KEY_BYTES))
    const key = (index: number): Uint8Array => derived.subarray(index * KEY_BYTES, (index + 1) * KEY_BYTES)
    return [key(0), key(1), key(2)]
  },

  generateX25519KeyPair: () => keyPairOf(generateKeyPairSync('x25519').privateKey),

  generateX25519KeyPairFromSeed: seed => keyPairOf(privateKeyOf(seed)),

  generateX25519SharedKey: (privateKey, publicKey) =>
    diffieHellman({ privateKey: privateKeyOf(privateKey), publicKey: publicKeyOf(publicKey) }),

  chaCha20Poly1305Encrypt(plaintext, nonce, associated, key) {
    if (plaintext.byteLength < SMALL_BYTES)
      return pureJsCrypto.chaCha20Poly1305Encrypt(plaintext, nonce, associated, key)
    const cipher = createCipheriv(CIPHER, key, nonce, { authTagLength: TAG_BYTES })
    cipher.setAAD(associated, { plaintextLength: plaintext.byteLength })
    return Buffer.concat([cipher.update(plaintext.subarray()), cipher.final(), cipher.getAuthTag()])
  },

  chaCha20Poly1305Decrypt(ciphertext, nonce, associated, key) {
    if (ciphertext.byteLength < SMALL_BYTES) {
      return pureJsCrypto.chaCha20Poly1305Decrypt(ciphertext, nonce, associated, key)
    }
    const bytes = ciphertext.subarray()
    const tagStart = bytes.length - TAG_BYTES
    const decipher = createDecipheriv(CIPHER, key, nonce, { authTagLength: TAG_BYTES })
    decipher.setAAD(associated, { plaintextLength: tagStart })
    decipher.setAuthTag(bytes.subarray(tagStart))
    return Buffer.concat([decipher.update(bytes.subarray(0, tagStart)), decipher.final()])
  },
}
