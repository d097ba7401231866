import assert from 'node:assert/strict'
import test from 'node:test'
import * as fc from 'fast-check'
import { references } from '../../test/arbitraries/references.ts'
import { digestOf } from './digest.ts'
import { InvalidFilterError, InvalidRegistryUrlError } from './errors.ts'
import { parseReference } from './reference.ts'
import { compileFilters } from './registry-filter.ts'

const digest = digestOf(Buffer.from('manifest'))

const cases = [
  { registries: [], filters: [], reference: 'docker.io/a:1', exclusion: undefined },
  { registries: ['https://docker.io'], filters: [], reference: 'docker.io/a:1', exclusion: undefined },
  { registries: ['https://docker.io'], filters: [], reference: 'ghcr.io/a:1', exclusion: 'not_mirrored' },
  { registries: ['http://localhost:5000'], filters: [], reference: 'localhost:5000/a:1', exclusion: undefined },
  { registries: ['http://localhost:5000'], filters: [], reference: 'localhost:6000/a:1', exclusion: 'not_mirrored' },
  { registries: ['https://docker.io:443'], filters: [], reference: 'docker.io/a:1', exclusion: 'not_mirrored' },
  { registries: ['https://docker.io', '*'], filters: [], reference: 'ghcr.io/a:1', exclusion: undefined },
  { registries: ['_default', '*'], filters: [], reference: 'ghcr.io/a:1', exclusion: undefined },
  { registries: [], filters: ['^docker\\.io/'], reference: 'docker.io/a:1', exclusion: 'filtered' },
  { registries: [], filters: ['^docker\\.io/'], reference: 'ghcr.io/docker.io/a:1', exclusion: undefined },
  { registries: [], filters: [':latest$'], reference: 'ghcr.io/a:latest', exclusion: 'filtered' },
  { registries: [], filters: [':latest$'], reference: `ghcr.io/a:latest@${digest}`, exclusion: undefined },
  { registries: [], filters: ['^ghcr.io/a$'], reference: `ghcr.io/a@${digest}`, exclusion: 'filtered' },
  { registries: [], filters: ['sha256'], reference: `ghcr.io/a@${digest}`, exclusion: undefined },
  { registries: [], filters: ['x', '(?i)/PRIVATE/'], reference: 'ghcr.io/private/a:1', exclusion: 'filtered' },
  { registries: ['https://docker.io'], filters: ['a'], reference: 'ghcr.io/a:1', exclusion: 'filtered' },
] as const

for (const { registries, filters, reference, exclusion } of cases) {
  const settings = `registries [${registries.join(' ')}] and filters [${filters.join(' ')}]`
  test(`with ${settings} ${reference} is ${exclusion ?? 'mirrored'}`, () => {
    const filter = compileFilters({ mirroredRegistries: registries, registryFilters: filters })
    assert.equal(filter.exclusion(parseReference(reference)), exclusion)
    assert.equal(filter.exclusion(parseReference(reference)), exclusion, 'asking twice gives the same answer')
  })
}

test('a bad entry is named', () => {
  assert.throws(
    () => compileFilters({ mirroredRegistries: ['*', 'docker.io'], registryFilters: [] }),
    error => error instanceof InvalidRegistryUrlError && error.message.includes('"docker.io"'),
  )
  assert.throws(
    () => compileFilters({ mirroredRegistries: [], registryFilters: ['a', '('] }),
    error => error instanceof InvalidFilterError && error.message.includes('"("'),
  )
})

test('a registry that is mirrored excludes no reference of its own and every other one', () => {
  fc.assert(
    fc.property(references, references, (own, other) => {
      const filter = compileFilters({ mirroredRegistries: [`https://${own.registry}`], registryFilters: [] })
      assert.equal(filter.exclusion(own), undefined)
      assert.equal(filter.exclusion(other), other.registry === own.registry ? undefined : 'not_mirrored')
    }),
  )
})

test('what excludes nothing says so, and what excludes by name', () => {
  for (const [mirroredRegistries, registryFilters, excludesNothing, excludesNames] of [
    [[], [], true, false],
    [['https://docker.io', '*'], [], true, false],
    [['https://docker.io'], [], false, false],
    [[], ['x'], false, true],
    [['https://docker.io'], ['x'], false, true],
  ] as const) {
    const filter = compileFilters({ mirroredRegistries, registryFilters })
    assert.equal(filter.excludesNothing, excludesNothing)
    assert.equal(filter.excludesNames, excludesNames)
  }
})
