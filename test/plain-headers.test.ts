import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as fc from 'fast-check'
import { PlainHeaders } from '../scripts/plain-headers.ts'

const name = fc.stringMatching(/^[A-Za-z0-9-]{1,5}$/)
// None that is empty: Node trims what it copies in some cases and not in others.
const value = fc.stringMatching(/^[ \t]{0,2}[!-~]{1,6}[ \t]{0,2}$/)
const step = fc.record({ call: fc.constantFrom('set', 'append', 'delete'), name, value })

test('what stands for Headers does as they do', () => {
  fc.assert(
    fc.property(fc.array(fc.tuple(name, value)), fc.array(step), (init, steps) => {
      const plain = new PlainHeaders(init)
      const real = new Headers(init)
      for (const { call, name, value } of steps) {
        for (const headers of [plain, real]) {
          if (call === 'delete') headers.delete(name)
          else if (call === 'append') headers.append(name, value)
          else headers.set(name, value)
        }
        assert.equal(plain.get(name.toUpperCase()), real.get(name.toUpperCase()))
        assert.equal(plain.has(name), real.has(name))
      }
      assert.deepEqual([...plain], [...real])
      const visited: [string, string][] = []
      plain.forEach((value, name) => visited.push([name, value]))
      assert.deepEqual(visited, [...real])
      assert.deepEqual([...new PlainHeaders(plain)], [...real])
      assert.deepEqual([...new PlainHeaders(Object.fromEntries(real))], [...new Headers(Object.fromEntries(real))])
    }),
  )
})
