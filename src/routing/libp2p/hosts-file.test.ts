import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as fc from 'fast-check'
import { hostsAddresses } from './hosts-file.ts'

const HOSTS = `
127.0.0.1\tlocalhost
::1 localhost ip6-localhost
10.0.0.1  Node.Example node # the first
# 10.0.0.2 node
10.0.0.300 node
10.0.0.3 node.example.
`

const CASES = [
  { name: 'localhost', addresses: ['127.0.0.1', '::1'] },
  { name: 'node.example.', addresses: ['10.0.0.1', '10.0.0.3'] },
  { name: 'NODE', addresses: ['10.0.0.1'] },
  { name: 'first', addresses: [] },
  { name: '10.0.0.1', addresses: [] },
]
for (const { name, addresses } of CASES) {
  test(`${name} is ${addresses.join(' and ') || 'not there'}`, () => {
    assert.deepEqual(hostsAddresses(name, HOSTS), addresses)
  })
}

test('a name is found in any file that has a line for it', () => {
  const comment = fc.string().map(text => `# ${text.replaceAll('\n', ' ')}`)
  fc.assert(
    fc.property(fc.domain(), fc.ipV4(), fc.array(comment), (name, address, lines) => {
      assert.deepEqual(hostsAddresses(name, [...lines, `${address} ${name}`, ...lines].join('\n')), [address])
    }),
  )
})
