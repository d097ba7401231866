import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { open, writeFile } from 'node:fs/promises'
import path from 'node:path'
import { describe, test } from 'node:test'
import { patience } from '../../test/contracts/store-contract.ts'
import { temporaryDirectory } from '../../test/temporary-directory.ts'
import { until } from '../../test/until.ts'
import { digestHex, digestOf } from '../oci/digest.ts'
import { FileHashError } from './errors.ts'
import { HashWorker } from './hash-worker.ts'

const content = randomBytes(1_000_000)

/** A file of `content`, and a worker. */
async function setup(options?: { readonly idleMs: number }) {
  const stack = new AsyncDisposableStack()
  const directory = stack.use(await temporaryDirectory())
  const file = path.join(directory.path, 'content')
  await writeFile(file, content)
  const handle = stack.adopt(await open(file), opened => opened.close())
  const worker = stack.use(new HashWorker(options))
  const hash = (size: number, signal = patience()) =>
    worker.hash({ fd: handle.fd, size, algorithm: 'sha256' }, { signal })
  return { worker, hash, [Symbol.asyncDispose]: () => stack[Symbol.asyncDispose]() }
}

describe('a hash worker', () => {
  for (const size of [0, 1, 256 * 1024, 256 * 1024 + 1, content.length, content.length + 1]) {
    test(`hashes ${size} bytes of a file of ${content.length}`, async () => {
      await using at = await setup()
      assert.equal(await at.hash(size), digestHex(digestOf(content.subarray(0, size))))
    })
  }

  test('hashes by the algorithm that is asked for', async () => {
    await using directory = await temporaryDirectory()
    const file = path.join(directory.path, 'content')
    await writeFile(file, content)
    await using handle = await open(file)
    await using worker = new HashWorker()
    const hex = await worker.hash({ fd: handle.fd, size: content.length, algorithm: 'sha512' }, { signal: patience() })
    assert.equal(hex, digestHex(digestOf(content, 'sha512')))
  })

  test('says where a file cannot be read, and goes on with the next', async () => {
    await using at = await setup()
    await using directory = await open('/')
    const unreadable = at.worker.hash({ fd: directory.fd, size: 1, algorithm: 'sha256' }, { signal: patience() })
    await assert.rejects(unreadable, FileHashError)
    assert.equal(await at.hash(1), digestHex(digestOf(content.subarray(0, 1))))
  })

  test('ends its thread when it is idle, and starts another when it is needed', async () => {
    await using at = await setup({ idleMs: 1 })
    assert.equal(at.worker.running, false)
    await at.hash(1)
    await until(() => !at.worker.running)
    await at.hash(1)
  })

  test('has stopped reading when it is given up', async () => {
    await using at = await setup()
    await using endless = await open('/dev/zero')
    const giveUp = new AbortController()
    const size = Number.MAX_SAFE_INTEGER
    const hashing = at.worker.hash({ fd: endless.fd, size, algorithm: 'sha256' }, { signal: giveUp.signal })
    giveUp.abort(new Error('no longer wanted'))
    await assert.rejects(hashing, /no longer wanted/)
    assert.equal(at.worker.running, false)
    assert.equal(await at.hash(1), digestHex(digestOf(content.subarray(0, 1))))
  })
})
