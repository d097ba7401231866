import assert from 'node:assert/strict'
import test from 'node:test'
import * as fc from 'fast-check'
import { registries, repositories, tags } from '../../test/arbitraries/references.ts'
import { isRegistry, isRepository, isTag, looksLikeRegistry } from './names.ts'

const LABEL = 'a'.repeat(63)
const LONGEST_HOST = [LABEL, LABEL, LABEL, 'b'.repeat(61)].join('.')

const tables = [
  {
    name: 'registry',
    is: isRegistry,
    accepted: [
      'docker.io',
      'localhost',
      'localhost:5000',
      'harbor:443',
      'Registry.Example.COM',
      '127.0.0.1:65535',
      '[::1]',
      '[2001:db8::1]:5000',
      `${LONGEST_HOST}:65535`,
    ],
    rejected: [
      '',
      'harbor',
      'docker..io',
      '.docker.io',
      'docker.io.',
      '-docker.io',
      'docker-.io',
      'docker_hub.io',
      'docker.io:',
      'docker.io:0',
      'docker.io:65536',
      'docker.io:123456',
      'docker.io:5000:5000',
      'docker.io/library',
      'user@docker.io',
      'docker.io?x',
      'docker.io#x',
      'docker.io\n',
      'docker.io\0',
      '..',
      '::1',
      '[::1',
      '[]',
      '[1.2.3.4]',
      '[fe80::1%eth0]',
      '[::g]',
      `a${LABEL}.io`,
      `${LONGEST_HOST}b:65535`,
      'ä.de',
    ],
  },
  {
    name: 'repository',
    is: isRepository,
    accepted: ['a', 'library/busybox', 'a.b/c_d/e__f/g-h/i---j', '0/1', 'manifests/blobs', 'x'.repeat(255)],
    rejected: [
      '',
      '/',
      'A',
      '/a',
      'a/',
      'a//b',
      '.',
      '..',
      'a/../b',
      'a..b',
      'a___b',
      'a._b',
      '-a',
      'a-',
      'a:b',
      'a@b',
      'a b',
      'a%2fb',
      'a\n',
      'a\0',
      'ä',
      'x'.repeat(256),
      `${'a-'.repeat(127)}!`,
      'a'.repeat(10_240),
    ],
  },
  {
    name: 'tag',
    is: isTag,
    accepted: ['latest', '1.37', '_', 'A-b_C.d', 'x'.repeat(128)],
    rejected: ['', '.', '-a', 'a/b', 'a:b', 'a b', 'a\n', 'a\0', 'ä', 'x'.repeat(129)],
  },
]

for (const { name, is, accepted, rejected } of tables) {
  for (const text of accepted) test(`${JSON.stringify(text)} is a ${name}`, () => assert.equal(is(text), true))
  for (const text of rejected) test(`${JSON.stringify(text)} is no ${name}`, () => assert.equal(is(text), false))
}

test('every name that is built by the grammar is accepted', () => {
  fc.assert(
    fc.property(registries, repositories, tags, (registry, repository, tag) => {
      assert.ok(isRegistry(registry))
      assert.ok(isRepository(repository))
      assert.ok(isTag(tag))
    }),
  )
})

test('every registry looks like one, so that it can lead an image name', () => {
  fc.assert(fc.property(registries, registry => looksLikeRegistry(registry)))
})

test('a repository of the longest length that fails at its end is rejected without backtracking', () => {
  for (const part of ['a', 'a-', 'a--', 'a_', 'a.', 'a/', '__', 'a__']) {
    assert.equal(isRepository(`${part.repeat(Math.floor(254 / part.length))}!`), false)
  }
})
