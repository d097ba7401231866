import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as fc from 'fast-check'
import { type Member, MemberTable } from './members.ts'
import { compareDistance, positionOf } from './record-key.ts'

/** As far as the table looks at one. */
function member(id: string): Member {
  const idBytes = Buffer.from(id)
  return {
    peer: { id, registry: { host: '127.0.0.1', port: 5000 } },
    position: positionOf(idBytes),
    kadPeer: { id: Uint8Array.from(idBytes), addresses: [] as readonly Uint8Array[] },
  } as Partial<Member> as Member
}

test('the closest members are those of least distance, in order', () => {
  fc.assert(
    fc.property(
      fc.uniqueArray(fc.string(), { maxLength: 60 }),
      fc.integer({ min: 1, max: 30 }),
      fc.string(),
      (ids, count, key) => {
        const table = new MemberTable()
        const all = ids.map(member)
        for (const each of all) table.add(each)
        const target = positionOf(Buffer.from(key))
        const closest = table.closest(target, count)
        assert.equal(closest.length, Math.min(count, all.length))
        for (const each of all) {
          const nearer = all.filter(other => compareDistance(target, other.position, each.position) < 0).length
          assert.equal(closest[nearer] === each, nearer < count)
        }
      },
    ),
  )
})

test('listeners are told of each member that comes and goes, once', () => {
  const table = new MemberTable()
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

test('a member is known by the bytes of its id for as long as it is one', () => {
  const table = new MemberTable()
  const first = member('first')
  table.add(first)
  assert.deepEqual([table.knows(Buffer.from('first')), table.knows(Buffer.from('second'))], [true, false])
  table.remove(first)
  assert.equal(table.knows(Buffer.from('first')), false)
})

test('removing an earlier connection of a member leaves the later one', () => {
  const table = new MemberTable()
  const [earlier, later] = [member('same'), member('same')]
  table.add(earlier)
  table.remove(earlier)
  table.add(later)
  table.remove(earlier)
  assert.equal(table.get('same'), later)
})

test('a doubted member is passed over until it has answered, of which listeners are told', () => {
  const table = new MemberTable()
  const [first, second] = [member('first'), member('second')]
  const returned: Member[] = []
  table.subscribe({ returned: each => void returned.push(each) })
  table.add(first)
  table.add(second)
  table.doubt(first)
  assert.deepEqual(table.closest(first.position, 2), [second])
  assert.deepEqual(table.closestOfAll(first.position, 2), [first, second])
  assert.deepEqual(table.closestOfAll(first.position, 1), [first])
  assert.deepEqual([table.trusted('first'), table.get('first')], [undefined, first])
  table.trust(first)
  table.trust(second)
  assert.deepEqual(table.closest(first.position, 2), [first, second])
  assert.deepEqual(returned, [first])
})

test('a doubted member that is removed does not come back by being trusted', () => {
  const table = new MemberTable()
  const [first, second] = [member('first'), member('second')]
  table.add(first)
  table.add(second)
  table.doubt(first)
  table.remove(first)
  table.trust(first)
  assert.deepEqual(table.closest(first.position, 2), [second])
  assert.deepEqual([table.trusted('first'), table.get('first')], [undefined, undefined])
})

test('changes tells what happens after the call, and forgets its reader when the signal aborts', async () => {
  const table = new MemberTable()
  table.add(member('before'))
  const stop = new AbortController()
  const changes = table.changes({ signal: stop.signal })[Symbol.asyncIterator]()
  const late = member('late')
  table.add(late)
  assert.deepEqual((await changes.next()).value, { type: 'joined', peer: late.peer })
  table.remove(late)
  assert.deepEqual((await changes.next()).value, { type: 'left', peer: late.peer })
  stop.abort()
  assert.equal((await changes.next()).done, true)
})
