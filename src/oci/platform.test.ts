import assert from 'node:assert/strict'
import test from 'node:test'
import * as fc from 'fast-check'
import { hostileText } from '../../test/arbitraries/hostile-text.ts'
import { InvalidPlatformError } from './errors.ts'
import { formatPlatform, matchesPlatform, parsePlatform, selectPlatform } from './platform.ts'

const accepted = [
  ['linux/amd64', 'linux/amd64'],
  ['linux/arm/v7', 'linux/arm/v7'],
  ['Linux/AMD64', 'linux/amd64'],
  ['linux/x86_64', 'linux/amd64'],
  ['linux/aarch64', 'linux/arm64'],
  ['linux/i386', 'linux/386'],
  ['windows/amd64', 'windows/amd64'],
  ['linux/riscv64/rva20u64', 'linux/riscv64/rva20u64'],
] as const

for (const [text, canonical] of accepted) {
  test(`${text} is the platform ${canonical}`, () => assert.equal(formatPlatform(parsePlatform(text)), canonical))
}

for (const text of [
  '',
  'linux',
  '/',
  'linux/',
  '/amd64',
  'linux/arm/',
  'linux/arm/v7/x',
  'linux amd64',
  'linux/am d64',
]) {
  test(`${JSON.stringify(text)} is no platform`, () => assert.throws(() => parsePlatform(text), InvalidPlatformError))
}

test('any text is a platform or an InvalidPlatformError', () => {
  fc.assert(
    fc.property(hostileText, text => {
      try {
        parsePlatform(text)
      } catch (error) {
        assert.ok(error instanceof InvalidPlatformError)
      }
    }),
  )
})

test('a formatted platform parses to itself', () => {
  const component = fc.stringMatching(/^[a-z0-9_.-]{1,20}$/)
  const platforms = fc.oneof(fc.tuple(component, component), fc.tuple(component, component, component))
  fc.assert(
    fc.property(platforms, parts => {
      const platform = parsePlatform(parts.join('/'))
      assert.deepEqual(parsePlatform(formatPlatform(platform)), platform)
      assert.equal(matchesPlatform(platform, platform), true)
    }),
  )
})

const matches = [
  ['linux/amd64', 'linux/amd64', true],
  ['linux/amd64', 'linux/amd64/v1', true],
  ['linux/amd64', 'linux/amd64/v2', false],
  ['linux/amd64/v3', 'linux/amd64', true],
  ['linux/amd64/v3', 'linux/amd64/v2', true],
  ['linux/amd64', 'linux/arm64', false],
  ['linux/amd64', 'windows/amd64', false],
  ['linux/amd64', 'unknown/unknown', false],
  ['linux/arm64', 'linux/arm64/v8', true],
  ['linux/arm64/v8', 'linux/arm64', true],
  ['linux/arm64', 'linux/arm64/v9', false],
  ['linux/arm64/v8.2', 'linux/arm64/v8', true],
  ['linux/arm', 'linux/arm/v7', true],
  ['linux/arm', 'linux/arm/v6', true],
  ['linux/arm/v6', 'linux/arm', false],
  ['linux/riscv64', 'linux/riscv64', true],
  ['linux/riscv64', 'linux/riscv64/rva20u64', false],
  ['linux/riscv64/rva20u64', 'linux/riscv64', false],
] as const

for (const [wanted, candidate, expected] of matches) {
  test(`an image for ${candidate} ${expected ? 'runs' : 'does not run'} on ${wanted}`, () => {
    assert.equal(matchesPlatform(parsePlatform(wanted), parsePlatform(candidate)), expected)
  })
}

const selections = [
  ['linux/arm64', ['linux/amd64', 'linux/arm64/v8', 'linux/arm/v7'], 1],
  ['linux/arm/v7', ['linux/arm/v5', 'linux/arm/v7', 'linux/arm/v6'], 1],
  ['linux/arm/v6', ['linux/arm/v5', 'linux/arm/v7', 'linux/arm/v6'], 2],
  ['linux/amd64/v3', ['linux/amd64', 'linux/amd64/v2', 'linux/amd64/v4'], 1],
  ['linux/amd64', ['linux/amd64', 'linux/amd64'], 0],
  ['linux/riscv64', ['linux/riscv64', 'linux/riscv64'], 0],
  ['linux/s390x', ['linux/amd64', 'linux/arm64'], undefined],
  ['linux/amd64', [], undefined],
] as const

for (const [wanted, candidates, chosen] of selections) {
  test(`for ${wanted} ${chosen === undefined ? 'nothing' : `entry ${chosen}`} of [${candidates.join(', ')}] is chosen`, () => {
    const descriptors = candidates.map(text => ({ platform: parsePlatform(text) }))
    const expected = chosen === undefined ? undefined : descriptors[chosen]
    assert.equal(selectPlatform(descriptors, parsePlatform(wanted)), expected)
  })
}

test('an entry without a platform is never chosen', () => {
  assert.equal(selectPlatform([{}], parsePlatform('linux/amd64')), undefined)
})
