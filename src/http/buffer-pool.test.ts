import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import * as fc from 'fast-check'
import { until } from '../../test/until.ts'
import { BufferPool } from './buffer-pool.ts'

const KiB = 1024
const MiB = 1024 * KiB

function overlap(a: Buffer, b: Buffer): boolean {
  return a.buffer === b.buffer && a.byteOffset < b.byteOffset + b.length && b.byteOffset < a.byteOffset + a.length
}

describe('BufferPool', () => {
  it('gives large buffers while few are in use', () => {
    assert.equal(new BufferPool().acquire(100 * MiB).length, MiB)
  })

  it('gives all of a few the largest, and leaves most of the budget to those that come later', () => {
    const pool = new BufferPool()
    const sizes = Array.from({ length: 48 }, () => pool.acquire(100 * MiB).length)
    assert.deepEqual(sizes.slice(0, 5), [MiB, MiB, MiB, MiB, 512 * KiB])
    assert.ok((sizes.at(-1) ?? 0) >= 64 * KiB)
  })

  it('gives no larger a buffer than is useful', () => {
    assert.equal(new BufferPool().acquire(1).length, 16 * KiB)
    assert.equal(new BufferPool().acquire(20 * KiB).length, 32 * KiB)
  })

  it('gives smaller buffers the more are in use, and small ones when the budget is spent', () => {
    const pool = new BufferPool({ budgetBytes: MiB })
    const sizes = Array.from({ length: 100 }, () => pool.acquire(MiB).length)
    assert.deepEqual(
      sizes.toSorted((a, b) => b - a),
      sizes,
    )
    assert.equal(sizes[0], 64 * KiB)
    assert.equal(sizes.at(-1), 16 * KiB)
  })

  it('is pressed once more than half of its budget is in use', () => {
    const pool = new BufferPool({ budgetBytes: 64 * KiB })
    const buffers = [pool.acquire(1), pool.acquire(1)]
    assert.equal(pool.pressed, false)
    buffers.push(pool.acquire(1))
    assert.equal(pool.pressed, true)
    for (const buffer of buffers) pool.release(buffer)
    assert.equal(pool.pressed, false)
  })

  it('uses released memory again', () => {
    const pool = new BufferPool()
    const first = pool.acquire(MiB)
    pool.release(first)
    const second = pool.acquire(1)
    assert.equal(second.buffer, first.buffer)
    assert.equal(second.byteOffset, first.byteOffset)
  })

  it('makes large buffers of small ones that were released', () => {
    const pool = new BufferPool({ budgetBytes: 16 * MiB })
    const small = Array.from({ length: 500 }, () => pool.acquire(1))
    for (const buffer of small.toReversed()) pool.release(buffer)
    assert.equal(pool.acquire(MiB).length, MiB)
  })

  it('goes on with small buffers once its budget is spent', () => {
    const pool = new BufferPool({ budgetBytes: 512 * KiB })
    const buffers = Array.from({ length: 40 }, () => pool.acquire(1))
    assert.equal(pool.usedBytes, 640 * KiB)
    for (const buffer of buffers) pool.release(buffer)
    assert.equal(pool.usedBytes, 0)
  })

  it('holds no memory a while after the last buffer was released', async () => {
    const pool = new BufferPool({ trimIntervalMs: 1 })
    const { buffer: memory } = pool.acquire(MiB)
    const buffer = Buffer.from(memory, 4080, MiB)
    pool.release(buffer)
    await until(() => memory.byteLength === 0)
    assert.equal(pool.acquire(MiB).length, MiB)
  })

  it('never has memory in use twice, and counts what is in use', () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(fc.boolean(), fc.nat({ max: 2 * MiB })), { maxLength: 200 }), steps => {
        const pool = new BufferPool({ budgetBytes: 2 * MiB })
        const inUse: Buffer[] = []
        for (const [acquires, value] of steps) {
          if (acquires) {
            const buffer = pool.acquire(value)
            assert.ok(!inUse.some(it => overlap(it, buffer)))
            inUse.push(buffer)
          } else {
            const [buffer] = inUse.splice(value % (inUse.length || 1), 1)
            if (buffer !== undefined) pool.release(buffer)
          }
        }
        assert.equal(
          pool.usedBytes,
          inUse.reduce((sum, { length }) => sum + length, 0),
        )
      }),
      { numRuns: 30 },
    )
  })
})
