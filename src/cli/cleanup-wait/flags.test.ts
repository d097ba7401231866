import assert from 'node:assert/strict'
import { test } from 'node:test'
import { collectTable, readFlags } from '../flags/read-flags.ts'
import { UsageError } from '../flags/usage-error.ts'
import { CLEANUP_WAIT_FLAGS } from './flags.ts'

function read(args: readonly string[], env: Readonly<Record<string, string>> = {}) {
  return readFlags(CLEANUP_WAIT_FLAGS, collectTable(args, CLEANUP_WAIT_FLAGS), env)
}

for (const [endpoint, host] of [
  ['cleanup.spegel.svc.cluster.local.:8080', 'cleanup.spegel.svc.cluster.local.'],
  ['cleanup:8080', 'cleanup'],
  ['10.0.0.1:8080', '10.0.0.1'],
  ['[fd00::1]:8080', 'fd00::1'],
] as const) {
  test(`${endpoint} is probed at ${host}, three times, every two seconds`, () => {
    assert.deepEqual(read([], { PROBE_ENDPOINT: endpoint }), {
      probeEndpoint: { host, port: 8080 },
      threshold: 3,
      periodMs: 2000,
    })
  })
}

for (const endpoint of ['', 'a', ':8080', 'a:', 'a:0', 'fd00::1:8080', 'http://a:1', 'a..:1', '.:1', '10.0.0.1.2:1']) {
  test(`${JSON.stringify(endpoint)} can’t be probed`, () => {
    assert.throws(() => read([`--probe-endpoint=${endpoint}`]), UsageError)
  })
}

test('threshold and period have Go Spegel’s variables', () => {
  const { threshold, periodMs } = read(['--probe-endpoint=a:1'], { THRESHOLD: '5', PERIOD: '100ms' })
  assert.deepEqual({ threshold, periodMs }, { threshold: 5, periodMs: 100 })
})
