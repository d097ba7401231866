import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { CHART, helm, unlessHelm } from './helm.ts'

/** Value → what the message must say. */
const REFUSED: readonly (readonly [string, RegExp])[] = [
  ['service.registry.port=x', /at '\/service\/registry\/port': got string, want integer/],
  ['service.registry.port=0', /at '\/service\/registry\/port': minimum: got 0, want 1/],
  ['service.registry.nodePort=70000', /at '\/service\/registry\/nodePort': maximum: got 70,000, want 65,535/],
  ['nothing=1', /additional properties 'nothing' not allowed/],
  ['spegel.resolvTags=true', /at '\/spegel': additional properties 'resolvTags' not allowed/],
  ['service.registry.prot=1', /at '\/service\/registry': additional properties 'prot' not allowed/],
  ['spegel.resolveTags=sometimes', /at '\/spegel\/resolveTags': value must be one of/],
  ['spegel.logLevel=LOUD', /at '\/spegel\/logLevel': value must be one of 'DEBUG'/],
  ['spegel.mirrorResolveTimeout=20', /at '\/spegel\/mirrorResolveTimeout': got number, want string/],
  ['spegel.mirrorResolveTimeout=soon', /at '\/spegel\/mirrorResolveTimeout': 'soon' does not match pattern/],
  ['spegel.containerdSock=containerd.sock', /at '\/spegel\/containerdSock': 'containerd.sock' does not match pattern/],
  ['spegel.containerdSock=/containerd.sock', /containerdSock is "\/containerd.sock": its directory is mounted/],
  ['spegel.coalesce=maybe', /at '\/spegel\/coalesce': got string, want boolean/],
  ['clusterSecret.enabled=maybe', /at '\/clusterSecret\/enabled': got string, want boolean/],
  ['clusterSecret=secret', /at '\/clusterSecret': got string, want object/],
  ['image.digest=latest', /at '\/image\/digest': 'latest' does not match pattern/],
  ['grafanaDashboard.mode=sidecar', /at '\/grafanaDashboard\/mode': value must be one of 'Sidecar'/],
  ['service.router.port=5000', /service.registry.port and service.router.port are both 5000/],
]

describe('the chart', { skip: unlessHelm }, () => {
  for (const [value, message] of REFUSED) {
    test(`refuses ${value} and says why`, async () => {
      const result = await helm(['template', 'spegel', CHART, '--set', value])
      assert.equal(result.ok, false)
      assert.match(result.stderr, message)
    })
  }

  for (const value of ['global.anything=1', 'enabled=true']) {
    test(`accepts ${value}, which a parent chart may set`, async () => {
      const result = await helm(['template', 'spegel', CHART, '--set', value])
      assert.ok(result.ok, result.stderr)
    })
  }
})
