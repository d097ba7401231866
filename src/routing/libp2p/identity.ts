import { createPrivateKey, generateKeyPairSync, type KeyObject } from 'node:crypto'
import path from 'node:path'
import { privateKeyFromRaw } from '@libp2p/crypto/keys'
import type { PrivateKey } from '@libp2p/interface'
import { readBoundedFile } from '../../files/read-bounded-file.ts'
import { replacePrivateFile } from '../../files/replace-file.ts'
import { IdentityError } from './errors.ts'

/** Go Spegel's name and format: an Ed25519 key as PKCS#8 in PEM. */
const KEY_FILE = 'private.key'
/** An Ed25519 key takes 119 bytes; any other kind is refused anyway. */
const MAX_KEY_FILE_BYTES = 16 * 1024

/**
 * The identity kept in `dataDir`; a new one is made and stored there where there is none. A file that holds no identity is
 * never replaced: that would give this node another peer id without anybody being told.
 * @throws {IdentityError} where the file can't be read, written or understood
 */
export async function loadIdentity(dataDir: string): Promise<PrivateKey> {
  const file = path.join(dataDir, KEY_FILE)
  let pem: Buffer | undefined
  try {
    pem = await readBoundedFile(file, MAX_KEY_FILE_BYTES)
  } catch (error) {
    throw new IdentityError(file, 'cannot be read', { cause: error })
  }
  return pem === undefined ? await createIdentity(file) : decodeIdentity(pem, file)
}

async function createIdentity(file: string): Promise<PrivateKey> {
  const { privateKey } = generateKeyPairSync('ed25519')
  try {
    await replacePrivateFile(file, privateKey.export({ type: 'pkcs8', format: 'pem' }).toString())
  } catch (error) {
    throw new IdentityError(file, 'cannot be written', { cause: error })
  }
  return toLibp2p(privateKey)
}

function decodeIdentity(pem: Buffer, file: string): PrivateKey {
  let key: KeyObject
  try {
    key = createPrivateKey({ key: pem, format: 'pem' })
  } catch (error) {
    throw new IdentityError(file, 'holds no key', { cause: error })
  }
  if (key.asymmetricKeyType !== 'ed25519') throw new IdentityError(file, `holds a key of type ${key.asymmetricKeyType}`)
  return toLibp2p(key)
}

function toLibp2p(key: KeyObject): PrivateKey {
  const { d = '', x = '' } = key.export({ format: 'jwk' })
  return privateKeyFromRaw(Buffer.concat([d, x].map(part => Buffer.from(part, 'base64url'))))
}
