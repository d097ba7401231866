import assert from 'node:assert/strict'
import { test } from 'node:test'
import { HostsFileError } from './errors.ts'
import { formatHostsFile, parseHostsFile } from './hosts-file.ts'

const EXISTING = `
server = "https://registry-1.docker.io"
ca = "/etc/certs/server.pem"
[host."https://b.example"]
  capabilities = ["pull"]
  skip_verify = false
  [host."https://b.example".header]
    x-custom = ["1", "2"]
[host]
[host."https://a.example/v2/up"]
  override_path = true
  client = [["/c.cert", "/c.key"], ["/c.pem", ""]]
`

test('a file of hosts is read in its order, with all that it says', () => {
  const file = parseHostsFile(EXISTING)
  assert.equal(file.server, 'https://registry-1.docker.io')
  assert.deepEqual({ ...file.serverSettings }, { ca: '/etc/certs/server.pem' })
  assert.equal(
    JSON.stringify([...file.hosts]),
    JSON.stringify([
      ['https://b.example', { capabilities: ['pull'], skip_verify: false, header: { 'x-custom': ['1', '2'] } }],
      [
        'https://a.example/v2/up',
        {
          override_path: true,
          client: [
            ['/c.cert', '/c.key'],
            ['/c.pem', ''],
          ],
        },
      ],
    ]),
  )
  assert.deepEqual(parseHostsFile(formatHostsFile(file)), file)
})

test('a file without hosts or server is one', () => {
  assert.deepEqual(parseHostsFile(''), { serverSettings: {}, hosts: new Map() })
  assert.deepEqual(parseHostsFile('server = "a"\n'), { server: 'a', serverSettings: {}, hosts: new Map() })
})

for (const text of [
  'server =',
  'server = 1',
  'host = "a"',
  'host = ["a"]',
  '[host]\n"https://a" = "b"',
  '[[host]]\na = 1',
  '\0',
]) {
  test(`${JSON.stringify(text)} is no file of hosts`, () => {
    assert.throws(() => parseHostsFile(text), HostsFileError)
  })
}

test('a host by IPv6 address is there for containerd 1, which knows no brackets in headers, and for containerd 2', () => {
  const url = 'http://[fd00::1]:5000'
  const file = {
    server: 'https://a',
    serverSettings: {},
    hosts: new Map([
      [url, { capabilities: ['pull'], header: { a: 'b' } }],
      ['http://c', {}],
    ]),
  }
  const text = formatHostsFile(file)
  assert.equal(
    text,
    [
      'server = "https://a"',
      '',
      '[host]',
      '"http://[fd00::1]:5000#containerd-1" = { capabilities = ["pull"], header = { a = "b" } }',
      '',
      '[host."http:/\\u002f\\u005bfd00::1\\u005d:5000"]',
      'capabilities = ["pull"]',
      '',
      '[host."http:/\\u002f\\u005bfd00::1\\u005d:5000".header]',
      'a = "b"',
      '',
      '[host."http://c"]',
      '',
    ].join('\n'),
  )
  const { hosts } = parseHostsFile(text)
  assert.deepEqual([...hosts.keys()], [url, 'http://c'])
})
