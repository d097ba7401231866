import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as fc from 'fast-check'
import { ManualClock } from '../../../test/fakes/manual-clock.ts'
import { type Member, MemberTable } from './members.ts'
import { compareDistance, positionOf } from './record-key.ts'

/** As far as the table looks at one. */
function member(id: string): Member {
  return { peer: { id, registry: { host: '127.0.0.1', port: 5000 } }, position: positionOf(Buffer.from(id)) } as Member
}

test('the closest members are those of least distance, in order, and agree with isAmongClosest', () => {
  fc.assert(
    fc.property(
      fc.uniqueArray(fc.string(), { maxLength: 60 }),
      fc.integer({ min: 1, max: 30 }),
      fc.string(),
      (ids, count, key) => {
        const table = new MemberTable(new ManualClock())
        const all = ids.map(member)
        for (const each of all) table.add(each)
        const target = positionOf(Buffer.from(key))
        const closest = table.closest(target, count)
        assert.equal(closest.length, Math.min(count, all.length))
        for (const each of all) {
          const nearer = all.filter(other => compareDistance(target, other.position, each.position) < 0).length
          assert.equal(closest[nearer] === each, nearer < count)
          assert.equal(table.isAmongClosest(each, target, count), nearer < count)
        }
      },
    ),
  )
})

test('listeners are told of each member that comes and goes, once', () => {
  const table = new MemberTable(new ManualClock())
  const told: string[] = []
  table.subscribe({
    joined: ({ peer }) => void told.push(`joined ${peer.id} of ${table.size}`),
    left: ({ peer }) => void told.push(`left ${peer.id} of ${table.size}`),
  })
  const first = member('first')
  table.add(first)
  table.add(member('second'))
  table.remove(first)
  table.remove(first)
  assert.deepEqual(told, ['joined first of 1', 'joined second of 2', 'left first of 1'])
  assert.deepEqual(
    table.list().map(({ peer }) => peer.id),
    ['second'],
  )
})

test('removing an earlier connection of a member leaves the later one', () => {
  const table = new MemberTable(new ManualClock())
  const [earlier, later] = [member('same'), member('same')]
  table.add(earlier)
  table.remove(earlier)
  table.add(later)
  table.remove(earlier)
  assert.equal(table.get('same'), later)
})

test('the table is settled unless someone joined in the last ten seconds', () => {
  const clock = new ManualClock()
  const table = new MemberTable(clock)
  assert.equal(table.settled, true)
  table.add(member('first'))
  assert.equal(table.settled, false)
  clock.advance(10_001)
  assert.equal(table.settled, true)
})
