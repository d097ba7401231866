import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { test } from 'node:test'
import * as fc from 'fast-check'
import { tarArchive } from './tar.ts'

function text(field: Buffer): string {
  return field.toString('latin1').replace(/\0.*$/, '')
}

/** Reads an archive back, by POSIX alone. */
function readArchive(archive: Buffer): { name: string; content: Buffer }[] {
  const files = []
  for (let at = 0; archive.readUInt8(at) !== 0; ) {
    const header = archive.subarray(at, at + 512)
    const blank = Buffer.from(header).fill(' ', 148, 156)
    const checksum = blank.reduce((sum, byte) => sum + byte, 0)
    assert.equal(Number.parseInt(text(header.subarray(148, 156)), 8), checksum)
    assert.equal(header.toString('latin1', 257, 265), 'ustar\x0000')
    const size = Number.parseInt(text(header.subarray(124, 136)), 8)
    files.push({ name: text(header.subarray(0, 100)), content: archive.subarray(at + 512, at + 512 + size) })
    at += 512 + Math.ceil(size / 512) * 512
  }
  return files
}

test('an archive holds its files, and ends as tar wants it', () => {
  const file = fc.record({ name: fc.stringMatching(/^[a-z/]{1,100}$/), content: fc.uint8Array({ maxLength: 1100 }) })
  fc.assert(
    fc.property(fc.array(file, { maxLength: 4 }), files => {
      const given = files.map(({ name, content }) => ({ name, content: Buffer.from(content) }))
      const archive = tarArchive(given)
      assert.equal(archive.length % 512, 0)
      assert.ok(archive.subarray(-1024).every(byte => byte === 0))
      assert.deepEqual(readArchive(archive), given)
    }),
  )
})

test('tar itself lists an archive', () => {
  const archive = tarArchive([{ name: 'usr/share/a', content: Buffer.from('hello') }])
  assert.equal(execFileSync('tar', ['-xOf', '-', 'usr/share/a'], { input: archive, encoding: 'utf8' }), 'hello')
})

test('a name that does not fit is refused', () => {
  assert.throws(() => tarArchive([{ name: 'a'.repeat(101), content: Buffer.alloc(0) }]), RangeError)
})
