import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import * as fc from 'fast-check'
import { loggedTarget, parseRequestTarget } from './request-target.ts'

describe('parseRequestTarget', () => {
  const cases: readonly (readonly [string, string, string])[] = [
    ['/', '/', ''],
    ['/v2/a%2Fb/manifests/latest', '/v2/a%2Fb/manifests/latest', ''],
    ['/v2/?ns=docker.io', '/v2/', 'ns=docker.io'],
    ['/v2/?a=1?b=2', '/v2/', 'a=1%3Fb%3D2'],
    ['//v2/', '//v2/', ''],
    ['http://node:5000/v2/?ns=ghcr.io', '/v2/', 'ns=ghcr.io'],
    ['HTTPS://node', '/', ''],
    ['http://node?ns=ghcr.io', '/', 'ns=ghcr.io'],
    ['*', '*', ''],
    ['ftp://node/v2/', 'ftp://node/v2/', ''],
    ['', '/', ''],
  ]
  for (const [target, path, query] of cases) {
    it(`splits ${JSON.stringify(target)}`, () => {
      const found = parseRequestTarget(target)
      assert.deepEqual({ path: found.path, query: found.query.toString() }, { path, query })
    })
  }

  it('finds path and query of any target in either form', () => {
    const paths = fc.webPath({ size: 'small' }).map(path => `/${path}`)
    const queries = fc.dictionary(fc.string(), fc.string())
    fc.assert(
      fc.property(fc.constantFrom('', 'http://node:5000'), paths, queries, (authority, path, query) => {
        const found = parseRequestTarget(`${authority}${path}?${new URLSearchParams(query).toString()}`)
        assert.equal(found.path, path)
        assert.deepEqual([...found.query], Object.entries(query))
      }),
    )
  })
})

describe('loggedTarget', () => {
  for (const [target, logged] of [
    ['/v2/a/manifests/x?ns=r.example', '/v2/a/manifests/x?ns=r.example'],
    ['/v2/a/blobs/x?ns=a.b&ns=c.d&account=me&token=secret', '/v2/a/blobs/x?ns=a.b&ns=c.d'],
    ['/v2/?token=secret', '/v2/'],
    ['http://user:secret@node/v2/?ns=a.b', '/v2/?ns=a.b'],
    ['ftp://user:secret@node/v2/', 'no path'],
    ['user:secret@node:443', 'no path'],
    ['*', 'no path'],
  ] as const) {
    it(`of ${target} is ${logged}`, () => assert.equal(loggedTarget(parseRequestTarget(target)), logged))
  }

  it('is no longer than 256 characters', () => {
    assert.equal(loggedTarget(parseRequestTarget(`/${'a'.repeat(300)}`)).length, 256)
  })
})
