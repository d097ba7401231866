import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as fc from 'fast-check'
import { decodeBootstrapAnswer, encodeBootstrapAnswer } from './bootstrap-answer.ts'

const ID = '12D3KooWF2mn5bg2MorVRwxE5JKjNh85QsGdUf4E5rmg8L7BKBV9'
const AT = (host: string, port: number) => ({ host, port })

const ANSWERS = [
  {
    name: 'what Go Spegel serves, of every transport',
    text: `[{"ID":"${ID}","Addrs":["/ip4/10.0.0.1/udp/5001/quic-v1","/ip4/10.0.0.1/tcp/5001","/ip6/fd00::1/tcp/5001"]}]`,
    is: [{ id: ID, endpoints: [AT('10.0.0.1', 5001), AT('fd00::1', 5001)] }],
  },
  {
    name: 'a list without ids and ports',
    text: ' [{"Addrs":["/ip4/10.0.0.1"]},{"ID":"","Addrs":["/ip4/10.0.0.2/tcp/7"]}]\n',
    is: [
      { id: undefined, endpoints: [AT('10.0.0.1', 5002)] },
      { id: undefined, endpoints: [AT('10.0.0.2', 7)] },
    ],
  },
  {
    name: 'a peer that is on QUIC alone, beside another',
    text: `[{"ID":"${ID}","Addrs":["/ip4/10.0.0.1/udp/5001/quic-v1"]},{"Addrs":["/ip4/10.0.0.2"]}]`,
    is: [{ id: undefined, endpoints: [AT('10.0.0.2', 5002)] }],
  },
  {
    name: 'the multiaddr that older ones serve',
    text: `/ip4/10.0.0.1/tcp/5001/p2p/${ID}`,
    is: [{ id: ID, endpoints: [AT('10.0.0.1', 5001)] }],
  },
  {
    name: 'lines',
    text: `/ip4/10.0.0.1/tcp/5001/p2p/${ID}\r\n\n10.0.0.2:9\n`,
    is: [
      { id: ID, endpoints: [AT('10.0.0.1', 5001)] },
      { id: undefined, endpoints: [AT('10.0.0.2', 9)] },
    ],
  },
  { name: 'an empty list', text: '[]', is: [] },
  { name: 'nothing', text: '', is: [] },
]
for (const { name, text, is } of ANSWERS) {
  test(`${name} can be read`, () => assert.deepEqual(decodeBootstrapAnswer(text, 5002), is))
}

const REFUSED = [
  { text: '<html>\n', reason: /invalid bootstrap peer "<html>"/ },
  { text: '[', reason: /JSON/ },
  { text: '[1]', reason: /without Addrs/ },
  { text: '[{"Addrs":"/ip4/10.0.0.1"}]', reason: /without Addrs/ },
  { text: '[{"ID":1,"Addrs":[]}]', reason: /ID that is no text/ },
  { text: '[{"ID":"x","Addrs":["/ip4/10.0.0.1"]}]', reason: /./ },
  { text: `[{"ID":"${ID}","Addrs":[]}]`, reason: /no peer has an IP address and a TCP port/ },
  { text: `[{"ID":"${ID}","Addrs":["/dns4/a.b/tcp/1",{},"x y"]}]`, reason: /no peer has/ },
]
for (const { text, reason } of REFUSED) {
  test(`${JSON.stringify(text)} is refused`, () => {
    assert.throws(() => decodeBootstrapAnswer(text, 5002), { message: reason })
  })
}

test('what a node serves names it and where it listens', () => {
  const endpoints = [AT('10.0.0.1', 5001), AT('fd00::1', 5001)]
  const text = encodeBootstrapAnswer([{ id: ID, endpoints }])
  assert.equal(text, `[{"ID":"${ID}","Addrs":["/ip4/10.0.0.1/tcp/5001","/ip6/fd00::1/tcp/5001"]}]`)
  assert.deepEqual(decodeBootstrapAnswer(text, 1), [{ id: ID, endpoints }])
})

test('any text is a bounded list of peers that can be dialled, or refused', () => {
  const json = fc.json().map(text => `[${text}]`)
  const entries = fc
    .array(
      fc.record({ ID: fc.constantFrom('', ID, 'x'), Addrs: fc.array(fc.constantFrom('/ip4/10.0.0.1', '/a', 'b')) }),
    )
    .map(list => JSON.stringify(list))
  fc.assert(
    fc.property(fc.oneof(fc.string(), json, entries, fc.constant('10.0.0.1\n'.repeat(1000))), text => {
      let peers: ReturnType<typeof decodeBootstrapAnswer> = []
      try {
        peers = decodeBootstrapAnswer(text, 5002)
      } catch (error) {
        assert.ok(error instanceof Error)
      }
      assert.ok(peers.length <= 256)
      assert.ok(peers.every(({ endpoints }) => endpoints.length > 0 && endpoints.length <= 16))
    }),
  )
})
