import assert from 'node:assert/strict'
import { test } from 'node:test'
import { MemoryLog } from '../../../test/fakes/memory-log.ts'
import { collectTable, readFlags } from '../flags/read-flags.ts'
import { REGISTRY_FLAGS, type RegistryFlags } from './flags.ts'
import { allRegistryFilters, peerBootstrapUrl, warnOfNoEffect } from './other-release-flags.ts'

function read(...args: readonly string[]): RegistryFlags {
  return readFlags(REGISTRY_FLAGS, collectTable(args, REGISTRY_FLAGS), {})
}

test('without the latest tag there is one more filter', () => {
  assert.deepEqual(allRegistryFilters(read('--registry-filters', 'a')), ['a'])
  assert.deepEqual(allRegistryFilters(read('--registry-filters', 'a', '--resolve-latest-tag=false')), ['a', ':latest$'])
})

for (const [peer, url] of [
  ['http://10.0.0.1:8080', 'http://10.0.0.1:8080/id'],
  ['https://a.b/', 'https://a.b/id'],
  ['http://a.b/spegel', 'http://a.b/spegel/id'],
] as const) {
  test(`the peer ${peer} is bootstrapped from at ${url}`, () => assert.equal(peerBootstrapUrl(new URL(peer)).href, url))
}

for (const [flag, warnings] of [
  ['--otel-enabled', 1],
  ['--otel-endpoint=http://collector:4318', 1],
  ['--otel-sampler=always_off', 0],
  ['--otel-insecure', 0],
] as const) {
  test(`${flag} is started with, and ${warnings === 0 ? 'no more is said' : 'told to be of no effect'}`, () => {
    const log = new MemoryLog()
    warnOfNoEffect(read(flag), log)
    assert.equal(log.lines.length, warnings)
  })
}
