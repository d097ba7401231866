import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { ManualClock } from '../../test/fakes/manual-clock.ts'
import { TurnBudget } from './turn-budget.ts'

const nextTurn = (): Promise<void> => new Promise(resolve => setImmediate(resolve))

/** A budget, and what has been resumed. */
function setUp() {
  const clock = new ManualClock()
  const turns = new TurnBudget({ turnMs: 5, now: clock.now })
  const resumed: string[] = []
  return { clock, resumed, ask: (name: string) => turns.whenDue(() => resumed.push(name)) }
}

describe('TurnBudget', () => {
  it('resumes at once while there is time left in the turn', () => {
    const { clock, resumed, ask } = setUp()
    ask('a')
    clock.advance(4)
    ask('b')
    assert.deepEqual(resumed, ['a', 'b'])
  })

  it('resumes in the next turn what is asked for in one that is used up', async () => {
    const { clock, resumed, ask } = setUp()
    ask('a')
    clock.advance(5)
    ask('b')
    assert.deepEqual(resumed, ['a'])
    await nextTurn()
    assert.deepEqual(resumed, ['a', 'b'])
  })

  it('begins each turn anew', async () => {
    const { clock, resumed, ask } = setUp()
    ask('a')
    clock.advance(5)
    await nextTurn()
    ask('b')
    assert.deepEqual(resumed, ['a', 'b'])
  })
})
