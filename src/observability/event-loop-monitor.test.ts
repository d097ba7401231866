import assert from 'node:assert/strict'
import { test } from 'node:test'
import { until } from '../../test/until.ts'
import { EventLoopMonitor } from './event-loop-monitor.ts'

/** Keeps the event loop from everything else. */
function block(ms: number): void {
  const end = performance.now() + ms
  while (performance.now() < end);
}

test('a block is observed, as long as it lasts beyond the time of a sample', async () => {
  const seconds: number[] = []
  const monitor = new EventLoopMonitor({ observe: value => seconds.push(value) })
  using _watched = monitor.watch()
  block(100)
  await until(() => seconds.length > 0)
  assert.ok(seconds[0] !== undefined && seconds[0] >= 0.09, `${seconds[0]} s`)
})

test('a block within what is watched is observed, even where no timer gets its turn', () => {
  const seconds: number[] = []
  const monitor = new EventLoopMonitor({ observe: value => seconds.push(value) })
  const [outer, inner] = [monitor.watch(), monitor.watch()]
  block(50)
  inner[Symbol.dispose]()
  assert.deepEqual(seconds, [])
  outer[Symbol.dispose]()
  assert.equal(seconds.length, 1)
})

test('nothing is observed while nobody watches', async () => {
  const seconds: number[] = []
  const monitor = new EventLoopMonitor({ observe: value => seconds.push(value) })
  monitor.watch()[Symbol.dispose]()
  block(30)
  let turns = 0
  const turning = setInterval(() => (turns += 1), 5)
  await until(() => turns > 5)
  clearInterval(turning)
  assert.deepEqual(seconds, [])
})
