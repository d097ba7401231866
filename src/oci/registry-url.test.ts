import assert from 'node:assert/strict'
import test from 'node:test'
import * as fc from 'fast-check'
import { hostileText } from '../../test/arbitraries/hostile-text.ts'
import { registries } from '../../test/arbitraries/references.ts'
import { InvalidRegistryUrlError } from './errors.ts'
import { isWildcardRegistry, parseRegistryUrl, registryHost } from './registry-url.ts'

const rejected = [
  '',
  'docker.io',
  'ftp://docker.io',
  'https://',
  'https:docker.io',
  'https://docker.io/',
  'https://docker.io/foo/bar',
  'https://docker.io?foo=bar',
  'https://docker.io#foo',
  'https://foo@docker.io',
  'https://docker.io:99999',
  'https://harbor',
  ' https://docker.io',
  'https://docker.io\n',
  '_default',
]

for (const text of rejected) {
  test(`${JSON.stringify(text)} is no registry URL`, () => {
    assert.throws(
      () => parseRegistryUrl(text),
      error => error instanceof InvalidRegistryUrlError && error.message.includes(JSON.stringify(text)),
    )
  })
}

test('a registry URL is a scheme and a registry as images name it', () => {
  assert.deepEqual(parseRegistryUrl('HTTPS://docker.io:443'), { scheme: 'https', registry: 'docker.io:443' })
  fc.assert(
    fc.property(fc.constantFrom('http' as const, 'https' as const), registries, (scheme, registry) => {
      assert.deepEqual(parseRegistryUrl(`${scheme}://${registry}`), { scheme, registry })
    }),
  )
})

test('any text is a registry URL or an InvalidRegistryUrlError', () => {
  fc.assert(
    fc.property(fc.constantFrom('', 'http://', 'https://'), hostileText, (scheme, text) => {
      try {
        parseRegistryUrl(scheme + text)
      } catch (error) {
        assert.ok(error instanceof InvalidRegistryUrlError)
      }
    }),
  )
})

test('_default and * stand for every registry', () => {
  for (const text of ['_default', '*']) assert.equal(isWildcardRegistry(text), true)
  for (const text of ['', 'https://docker.io', 'default', '**']) assert.equal(isWildcardRegistry(text), false)
})

test('Docker Hub answers at another host than its name, others at theirs', () => {
  assert.equal(registryHost('docker.io'), 'registry-1.docker.io')
  for (const registry of ['registry-1.docker.io', 'docker.io:443', 'ghcr.io', 'localhost:5000']) {
    assert.equal(registryHost(registry), registry)
  }
})
