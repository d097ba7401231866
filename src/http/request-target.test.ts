import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import * as fc from 'fast-check'
import { parseRequestTarget } from './request-target.ts'

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
