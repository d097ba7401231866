import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ManualClock } from '../../test/fakes/manual-clock.ts'
import { digestOf } from '../oci/digest.ts'
import { ExcludedPulls } from './excluded-pulls.ts'

const tag = { kind: 'tag', registry: 'registry.example', repository: 'team/app', tag: 'private' } as const
const { registry, repository } = tag
const content = { kind: 'digest', registry, repository, digest: digestOf(Buffer.from('layer')) } as const

test('content of a repository is taken for that of an excluded tag for ten minutes after the tag was asked for', () => {
  const clock = new ManualClock()
  const pulls = new ExcludedPulls(clock)
  assert.equal(pulls.has(content), false)
  pulls.add(tag)
  assert.equal(pulls.has(content), true)
  assert.equal(pulls.has({ ...content, repository: 'team/other' }), false)
  clock.advance(10 * 60_000)
  assert.equal(pulls.has(content), false)
})

test('of more than 1,024 repositories the one asked for longest ago is forgotten', () => {
  const pulls = new ExcludedPulls(new ManualClock())
  for (let index = 0; index <= 1024; index += 1) pulls.add({ ...tag, repository: `team/${index}` })
  assert.equal(pulls.has({ ...content, repository: 'team/0' }), false)
  assert.equal(pulls.has({ ...content, repository: 'team/1' }), true)
})
