import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Turns } from './turns.ts'

test('as many as the limit allows go on at once, the others in order as turns are given back', async () => {
  const turns = new Turns({ limit: 2 })
  const order: number[] = []
  const [first, second] = [await turns.take(), await turns.take()]
  const waiting = [3, 4, 5].map(async number => {
    const turn = await turns.take()
    order.push(number)
    return turn
  })
  await Promise.resolve()
  assert.deepEqual(order, [])
  first[Symbol.dispose]()
  const third = await waiting[0]
  assert.deepEqual(order, [3])
  second[Symbol.dispose]()
  third?.[Symbol.dispose]()
  for (const turn of await Promise.all(waiting.slice(1))) turn[Symbol.dispose]()
  assert.deepEqual(order, [3, 4, 5])
  using again = await turns.take()
  using andAgain = await turns.take()
  assert.ok(again && andAgain)
})
