import assert from 'node:assert/strict'
import { generateKeyPairSync } from 'node:crypto'
import { mkdir, readdir, readFile, stat, writeFile } from 'node:fs/promises'
import path from 'node:path'
import { test } from 'node:test'
import { peerIdFromPrivateKey } from '@libp2p/peer-id'
import { temporaryDirectory } from '../../../test/temporary-directory.ts'
import { IdentityError } from './errors.ts'
import { loadIdentity } from './identity.ts'

const pem = { type: 'pkcs8', format: 'pem' } as const

async function idIn(directory: string): Promise<string> {
  return peerIdFromPrivateKey(await loadIdentity(directory)).toString()
}

test('a new identity is stored for its owner alone, and is the same at the next start', async () => {
  await using directory = await temporaryDirectory()
  const dataDir = path.join(directory.path, 'a', 'b')
  const id = await idIn(dataDir)
  assert.equal(await idIn(dataDir), id)
  assert.deepEqual(await readdir(dataDir), ['private.key'])
  const file = path.join(dataDir, 'private.key')
  assert.equal((await stat(file)).mode & 0o777, 0o600)
  assert.match(await readFile(file, 'utf8'), /^-----BEGIN PRIVATE KEY-----\n[\w+/=]{64}\n-----END PRIVATE KEY-----\n$/)
})

test('a file as Go Spegel writes it gives the peer id that Go derives from it', async () => {
  await using directory = await temporaryDirectory()
  // The key of the first test vector of RFC 8032, as x509.MarshalPKCS8PrivateKey and pem.Encode lay it out.
  const seed = Buffer.from('9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60', 'hex')
  const der = Buffer.concat([Buffer.from('302e020100300506032b657004220420', 'hex'), seed])
  const content = `-----BEGIN PRIVATE KEY-----\n${der.toString('base64')}\n-----END PRIVATE KEY-----\n`
  await writeFile(path.join(directory.path, 'private.key'), content)
  const identity = await loadIdentity(directory.path)
  assert.equal(
    Buffer.from(identity.publicKey.raw).toString('hex'),
    'd75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a',
  )
  assert.match(peerIdFromPrivateKey(identity).toString(), /^12D3KooW/)
  assert.equal(await readFile(path.join(directory.path, 'private.key'), 'utf8'), content)
})

const CORRUPT = [
  { name: 'an empty file', content: '', reason: 'holds no key' },
  { name: 'text', content: 'secret', reason: 'holds no key' },
  { name: 'a truncated key', content: '-----BEGIN PRIVATE KEY-----\nMC4CAQ', reason: 'holds no key' },
  {
    name: 'an RSA key',
    content: generateKeyPairSync('rsa', { modulusLength: 1024 }).privateKey.export(pem),
    reason: 'holds a key of type rsa',
  },
  {
    name: 'an X25519 key',
    content: generateKeyPairSync('x25519').privateKey.export(pem),
    reason: 'holds a key of type x25519',
  },
  {
    name: 'a public key',
    content: generateKeyPairSync('ed25519').publicKey.export({ type: 'spki', format: 'pem' }),
    reason: 'holds no key',
  },
  { name: 'a huge file', content: 'x'.repeat(100_000), reason: 'cannot be read' },
]
for (const { name, content, reason } of CORRUPT) {
  test(`${name} is an error that names the file and what it should be, and is left as it is`, async () => {
    await using directory = await temporaryDirectory()
    const file = path.join(directory.path, 'private.key')
    await writeFile(file, content)
    await assert.rejects(loadIdentity(directory.path), (error: unknown) => {
      assert.ok(error instanceof IdentityError)
      assert.equal(
        error.message,
        `${file} ${reason}: want an Ed25519 private key as PKCS#8 PEM, or no file for a new one`,
      )
      return true
    })
    assert.equal(await readFile(file, 'utf8'), content)
  })
}

test('a file that cannot be read is an error, not a reason for a new identity', async () => {
  await using directory = await temporaryDirectory()
  await mkdir(path.join(directory.path, 'private.key'))
  await assert.rejects(loadIdentity(directory.path), { code: 'IDENTITY', message: /private\.key cannot be read: / })
})

test('a data directory that cannot be made is an error that names the file', async () => {
  await using directory = await temporaryDirectory()
  const file = path.join(directory.path, 'file')
  await writeFile(file, '')
  await assert.rejects(loadIdentity(path.join(file, 'data')), { code: 'IDENTITY', message: /private\.key cannot be/ })
})
