import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { test } from 'node:test'
import { ASKED, ASKED_UNSETTLED, askedCount, type MemberKind, type PlacedMember, placementOf } from './placement.ts'
import { PositionIndex } from './position-index.ts'
import { compareDistance } from './record-key.ts'

const TARGET = randomBytes(32)

/** So many members, nearest to the target first. */
function mesh(kinds: readonly MemberKind[]): readonly PlacedMember[] {
  const positions = kinds.map(() => randomBytes(32)).toSorted((a, b) => compareDistance(TARGET, a, b))
  return positions.flatMap((position, rank) => {
    const kind = kinds[rank]
    return kind === undefined ? [] : [{ kind, position }]
  })
}

function holders(members: readonly PlacedMember[]): readonly number[] {
  const index = new PositionIndex<PlacedMember>()
  for (const member of members) index.add(member)
  return placementOf(index, TARGET).holders.map(holder => members.indexOf(holder))
}

const range = (count: number): readonly number[] => Array.from({ length: count }, (_, rank) => rank)
const all = (kind: MemberKind, count: number): readonly MemberKind[] => range(count).map(() => kind)

test('twenty members at most all hold every key', () => {
  assert.deepEqual(holders(mesh(all('spegel', 20))), range(20))
  assert.deepEqual(holders([]), [])
})

test('of more, the five nearest of our own nodes hold a key', () => {
  assert.deepEqual(holders(mesh(all('spegel', 21))), range(5))
})

test('Go nodes hold a key where they are among the twenty nearest', () => {
  assert.deepEqual(holders(mesh(all('kad', 30))), range(20))
  const mixed = mesh(range(30).map(rank => (rank % 2 === 0 ? 'spegel' : 'kad')))
  assert.deepEqual(holders(mixed), [0, 1, 2, 3, 4, 5, 7, 9, 11, 13, 15, 17, 19])
})

test('nobody beyond the reach of a key is among its twenty nearest', () => {
  const members = mesh(all('kad', 40))
  const index = new PositionIndex<PlacedMember>()
  for (const member of members) index.add(member)
  const { reach } = placementOf(index, TARGET)
  const rough = members.map(({ position }) => (position.readUInt32BE(0) ^ TARGET.readUInt32BE(0)) >>> 0)
  assert.deepEqual(
    rough.filter(distance => distance <= reach),
    rough.slice(0, 20),
  )
})

test('a lookup asks three, and twenty while one of the three is so new that it may not have the key yet', () => {
  const minute = 60_000
  assert.equal(askedCount([0, 0, 0], 10, minute), ASKED)
  assert.equal(askedCount([], 0, minute), ASKED)
  assert.equal(askedCount([0, minute - 9000, 0], 10, minute), ASKED_UNSETTLED)
  assert.equal(askedCount([0, minute - 11_000, 0], 10, minute), ASKED)
  assert.equal(askedCount([0, minute - 11_000, 0], 1000, minute), ASKED_UNSETTLED)
})
