import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import * as fc from 'fast-check'
import { BufferPool } from './buffer-pool.ts'

const KiB = 1024
const MiB = 1024 * KiB

describe('BufferPool', () => {
  it('gives large buffers while few are in use', () => {
    assert.equal(new BufferPool().acquire(100 * MiB).length, 512 * KiB)
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

  it('uses released buffers again', () => {
    const pool = new BufferPool()
    const buffer = pool.acquire(MiB)
    pool.release(buffer)
    assert.equal(pool.acquire(MiB), buffer)
  })

  it('keeps no more than 8 MiB of released buffers', () => {
    const pool = new BufferPool({ budgetBytes: 1024 * MiB })
    const buffers = Array.from({ length: 20 }, () => pool.acquire(MiB))
    for (const buffer of buffers) pool.release(buffer)
    const kept = buffers.map(() => pool.acquire(MiB)).filter(buffer => buffers.includes(buffer))
    assert.equal(kept.length, 16)
  })

  it('never has one buffer in use twice, and counts what is in use', () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(fc.boolean(), fc.nat({ max: 2 * MiB })), { maxLength: 200 }), steps => {
        const pool = new BufferPool({ budgetBytes: 2 * MiB })
        const inUse: Buffer[] = []
        for (const [acquires, value] of steps) {
          if (acquires) {
            const buffer = pool.acquire(value)
            assert.ok(!inUse.includes(buffer))
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
