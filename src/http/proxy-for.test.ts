import assert from 'node:assert/strict'
import test from 'node:test'
import * as fc from 'fast-check'
import { hostileText } from '../../test/arbitraries/hostile-text.ts'
import { proxyFor } from './proxy-for.ts'

const PROXY = { HTTPS_PROXY: 'http://proxy:3128' }

const proxies = [
  [{ HTTPS_PROXY: 'http://proxy:3128' }, 'http://proxy:3128/'],
  [{ https_proxy: 'proxy:3128' }, 'http://proxy:3128/'],
  [{ HTTPS_PROXY: '', https_proxy: 'http://user:password@proxy' }, 'http://user:password@proxy/'],
  [{ HTTP_PROXY: 'http://proxy:3128' }, undefined],
  [{ HTTPS_PROXY: 'socks5://proxy:1080' }, undefined],
  [{ HTTPS_PROXY: 'http://' }, undefined],
  [{}, undefined],
] as const
for (const [env, proxy] of proxies) {
  test(`the proxy for https is ${proxy} with ${JSON.stringify(env)}`, () => {
    assert.equal(proxyFor(new URL('https://registry.example/v2/'), env)?.href, proxy)
  })
}

test('the proxy for http is another', () => {
  const env = { ...PROXY, HTTP_PROXY: 'http://other' }
  assert.equal(proxyFor(new URL('http://registry.example/v2/'), env)?.href, 'http://other/')
})

const exceptions = [
  ['example', 'registry.example', true],
  ['other, .Example ,more', 'registry.example', true],
  ['*.example', 'registry.example', true],
  ['registry.example', 'registry.example', true],
  ['.registry.example', 'registry.example', false],
  ['gistry.example', 'registry.example', false],
  ['*', 'registry.example', true],
  ['', 'registry.example', false],
  [',', 'registry.example', false],
  ['registry.example:5000', 'registry.example:5000', true],
  ['registry.example:443', 'registry.example', true],
  ['registry.example:80', 'registry.example', false],
  ['10.0.0.0/8', '10.1.2.3:5000', true],
  ['10.0.0.0/8', '11.1.2.3', false],
  ['10.0.0.0/33', '10.0.0.0', false],
  ['10.0.0.0/8', 'ten.example', false],
  ['10.1.2.3', '10.1.2.3:5000', true],
  ['fd00::/8', '[fd00::1]', true],
  ['fd00::1', '[fd00::1]:5000', true],
  ['[fd00::1]:5000', '[fd00::1]:5000', true],
  ['[fd00::1]:5001', '[fd00::1]:5000', false],
  ['', '127.0.0.1:5000', true],
  ['', '[::1]', true],
  ['', 'localhost:5000', true],
] as const
for (const [entry, host, isDirect] of exceptions) {
  test(`with NO_PROXY=${entry} ${host} is asked ${isDirect ? 'directly' : 'through the proxy'}`, () => {
    const proxy = proxyFor(new URL(`https://${host}/v2/`), { ...PROXY, NO_PROXY: entry })
    assert.equal(proxy === undefined, isDirect)
  })
}

test('any environment leads to a proxy or to none', () => {
  fc.assert(
    fc.property(
      hostileText,
      hostileText,
      fc.constantFrom('registry.example', '10.0.0.1', '[fd00::1]'),
      (a, b, host) => {
        const proxy = proxyFor(new URL(`https://${host}`), { HTTPS_PROXY: a, NO_PROXY: b })
        assert.ok(proxy === undefined || /^https?:$/.test(proxy.protocol))
      },
    ),
  )
})
