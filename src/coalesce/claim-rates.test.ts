import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ManualClock } from '../../test/fakes/manual-clock.ts'
import { ClaimRates } from './claim-rates.ts'

/** How many claims `address` may make now. */
function allowed(rates: ClaimRates, address: string): number {
  let count = 0
  while (rates.take(address)) count += 1
  return count
}

test('an address may make 512 claims at once and a hundred a second after that, whatever others do', () => {
  const clock = new ManualClock()
  const rates = new ClaimRates({ clock })
  assert.equal(allowed(rates, '10.0.0.1'), 512)
  assert.equal(allowed(rates, '10.0.0.1'), 0)
  assert.equal(allowed(rates, '10.0.0.2'), 512)
  clock.advance(250)
  assert.equal(allowed(rates, '10.0.0.1'), 25)
  clock.advance(3600_000)
  assert.equal(allowed(rates, '10.0.0.1'), 512)
})

test('one that asks all the time is allowed no less than one that waits', () => {
  const clock = new ManualClock()
  const rates = new ClaimRates({ clock })
  allowed(rates, '10.0.0.1')
  let count = 0
  for (let ms = 0; ms < 1000; ms += 1) {
    clock.advance(1)
    if (rates.take('10.0.0.1')) count += 1
  }
  assert.ok(count >= 99 && count <= 100, String(count))
})

test('addresses without number make it forget those that were quiet for longest, not grow', () => {
  const clock = new ManualClock()
  const rates = new ClaimRates({ clock })
  allowed(rates, 'first')
  allowed(rates, 'second')
  for (let index = 0; index < 9_998; index += 1) rates.take(String(index))
  rates.take('first')
  rates.take('one more')
  assert.equal(rates.take('first'), false)
  assert.equal(rates.take('second'), true)
})
