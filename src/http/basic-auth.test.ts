import assert from 'node:assert/strict'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import os from 'node:os'
import path from 'node:path'
import { describe, it, type TestContext } from 'node:test'
import * as fc from 'fast-check'
import { type BasicAuth, loadBasicAuth } from './basic-auth.ts'

async function directoryOf(t: TestContext, files: Readonly<Record<string, string>>): Promise<string> {
  const directory = await mkdtemp(path.join(os.tmpdir(), 'basic-auth-'))
  t.after(() => rm(directory, { recursive: true }))
  await Promise.all(Object.entries(files).map(([name, text]) => writeFile(path.join(directory, name), text)))
  return directory
}

async function load(t: TestContext, files: Readonly<Record<string, string>>): Promise<BasicAuth> {
  const auth = await loadBasicAuth(await directoryOf(t, files))
  assert.ok(auth)
  return auth
}

const basic = (credentials: string): string => `Basic ${Buffer.from(credentials).toString('base64')}`

describe('loadBasicAuth', () => {
  it('is undefined where there are no files', async t => {
    assert.equal(await loadBasicAuth(await directoryOf(t, {})), undefined)
  })

  it('is undefined where there is no directory', async () => {
    assert.equal(await loadBasicAuth('/nowhere/at/all'), undefined)
  })

  it('is undefined where both files are empty', async t => {
    assert.equal(await loadBasicAuth(await directoryOf(t, { username: '', password: '' })), undefined)
  })

  it('fails where a file is there but can not be read', async t => {
    const directory = await directoryOf(t, { username: 'node' })
    await assert.rejects(loadBasicAuth(path.join(directory, 'username')), { code: 'ENOTDIR' })
  })

  it('accepts its own header', async t => {
    const auth = await load(t, { username: 'node', password: 'pass:word' })
    assert.equal(auth.header, basic('node:pass:word'))
    assert.ok(auth.verify(auth.header))
  })

  it('asks for a password alone where there is no username', async t => {
    const auth = await load(t, { password: 'secret' })
    assert.ok(auth.verify(basic(':secret')))
  })

  it('sends a final newline, as Go Spegel does, and accepts credentials with and without it', async t => {
    const auth = await load(t, { username: 'node\n', password: 'secret\n' })
    assert.equal(auth.header, basic('node\n:secret\n'))
    assert.ok(auth.verify(auth.header))
    assert.ok(auth.verify(basic('node:secret')))
    assert.equal(auth.verify(basic('node:secret\n')), false)
  })

  it('takes the scheme in any case', async t => {
    const auth = await load(t, { username: 'node', password: 'secret' })
    assert.ok(auth.verify(basic('node:secret').replace('Basic', 'bAsIC')))
  })

  it('refuses everything else', async t => {
    const auth = await load(t, { username: 'node', password: 'secret' })
    const wrong = [
      '',
      'Basic',
      'Basic ',
      basic(''),
      basic('node:'),
      basic('node:Secret'),
      basic('node:secret '),
      'secret',
    ]
    for (const header of [undefined, ...wrong, `Bearer ${auth.header.slice(6)}`, `${auth.header}, ${auth.header}`]) {
      assert.equal(auth.verify(header), false, header)
    }
    fc.assert(fc.property(fc.string(), text => !auth.verify(text) && !auth.verify(basic(text))))
  })
})
