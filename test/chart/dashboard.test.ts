import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import path from 'node:path'
import { test } from 'node:test'
import { createMetrics } from '../../src/observability/metrics.ts'
import { CHART } from './helm.ts'

interface Panel {
  readonly id: number
  readonly gridPos: { readonly x: number; readonly w: number }
  readonly targets?: readonly { readonly expr: string }[]
}

async function panels(): Promise<readonly Panel[]> {
  return JSON.parse(await readFile(path.join(CHART, 'monitoring/grafana-dashboard.json'), 'utf8')).panels
}

/** Metric names of the exposition without `_bucket`, `_sum` and `_count`. */
async function metricNames(): Promise<ReadonlySet<string>> {
  const { text } = await createMetrics().render()
  return new Set([...text.matchAll(/^# TYPE (\S+)/gm)].map(([, name = '']) => name))
}

async function shownMetrics(): Promise<ReadonlySet<string>> {
  const expressions = (await panels()).flatMap(({ targets = [] }) => targets.map(({ expr }) => expr))
  const names = expressions.flatMap(expr => [...expr.matchAll(/[a-z_][a-z0-9_]*(?=\{)/g)].map(([name]) => name))
  return new Set(names.map(name => name.replace(/_(?:bucket|sum|count)$/, '')))
}

test('the dashboard asks only for metrics that there are', async () => {
  const known = await metricNames()
  const shown = await shownMetrics()
  assert.ok(shown.size > 10)
  assert.deepEqual(
    [...shown].filter(name => !known.has(name)),
    [],
  )
})

test('the dashboard shows every metric of our own', async () => {
  const shown = await shownMetrics()
  const own = [...(await metricNames())].filter(name => /^(?:spegel|http)_/.test(name))
  assert.deepEqual(
    own.filter(name => !shown.has(name)),
    [],
  )
})

test('the panels of the dashboard have ids of their own and fit its width', async () => {
  const all = await panels()
  assert.equal(new Set(all.map(({ id }) => id)).size, all.length)
  assert.ok(all.every(({ gridPos: { x, w } }) => x + w <= 24))
})
