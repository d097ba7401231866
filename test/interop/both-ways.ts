import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { until } from '../until.ts'
import type { Participant } from './mesh.ts'

/** Waits until `finder` finds that `holder` holds each of `keys`, at its own address and nowhere else. */
export async function found(finder: Participant, holder: Participant, keys: readonly string[]): Promise<void> {
  const expected = { peer: holder.identity.peer, hosts: [holder.host.address] }
  await until(async () => (await finder.node.find(keys)).every(holders => holders.length > 0))
  for (const holders of await finder.node.find(keys)) assert.deepEqual(holders, [expected])
}

/** Keys that nobody has provided yet: digests and a tag. */
export function freshKeys(count: number): readonly string[] {
  const digests = Array.from({ length: count - 1 }, () => `sha256:${randomUUID().replaceAll('-', '').repeat(2)}`)
  return [`docker.io/library/${randomUUID()}:1.0`, ...digests]
}

/** Provides something anew at each of the two, and waits until the other finds it. */
export async function exchange(one: Participant, other: Participant): Promise<void> {
  for (const [holder, finder] of [
    [one, other],
    [other, one],
  ] as const) {
    const keys = freshKeys(5)
    await holder.node.provide(keys)
    await found(finder, holder, keys)
  }
}

/** Waits until `node` has `member` in its routing table. */
export async function admitted(node: Participant, member: Participant): Promise<void> {
  await until(async () => (await node.node.members()).includes(member.identity.peer))
}
