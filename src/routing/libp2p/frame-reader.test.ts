import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as fc from 'fast-check'
import { InvalidKadMessageError } from './errors.ts'
import { FrameReader } from './frame-reader.ts'

const MAX = 300

function frame(content: Uint8Array): Uint8Array {
  const { length } = content
  const head = length < 128 ? [length] : [(length % 128) + 128, Math.floor(length / 128)]
  return Buffer.concat([Uint8Array.from(head), content])
}

function readAll(reader: FrameReader, chunks: readonly Uint8Array[]): readonly Buffer[] {
  return chunks.flatMap(chunk => Array.from(reader.read(chunk), content => Buffer.from(content)))
}

test('frames come out whole and in order however the bytes are cut', () => {
  fc.assert(
    fc.property(
      fc.array(fc.uint8Array({ maxLength: MAX }), { maxLength: 20 }),
      fc.array(fc.integer({ min: 1, max: 400 }), { minLength: 1 }),
      (frames, sizes) => {
        const bytes = Buffer.concat(frames.map(frame))
        const chunks: Uint8Array[] = []
        for (let offset = 0, turn = 0; offset < bytes.length; turn++) {
          const size = sizes[turn % sizes.length] ?? 1
          chunks.push(bytes.subarray(offset, offset + size))
          offset += size
        }
        const read = readAll(new FrameReader({ maxFrameBytes: MAX }), chunks)
        assert.deepEqual(
          read,
          frames.map(content => Buffer.from(content)),
        )
      },
    ),
  )
})

test('a frame over the limit is refused by its head alone, after the frames before it', () => {
  const reader = new FrameReader({ maxFrameBytes: MAX })
  const read: number[] = []
  const tooLong = frame(new Uint8Array(MAX + 1)).subarray(0, 2)
  assert.throws(() => {
    for (const content of reader.read(Buffer.concat([frame(new Uint8Array(7)), tooLong]))) read.push(content.length)
  }, InvalidKadMessageError)
  assert.deepEqual(read, [7])
})

test('a length that never ends is refused', () => {
  const reader = new FrameReader({ maxFrameBytes: MAX })
  assert.throws(() => readAll(reader, [Uint8Array.of(0x80, 0x80, 0x80, 0x80)]), InvalidKadMessageError)
})
