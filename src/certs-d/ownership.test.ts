import assert from 'node:assert/strict'
import { test } from 'node:test'
import { isOurs, mark } from './ownership.ts'

const TARGETS = ['http://10.0.0.1:30020', 'http://10.0.0.1:30021']
const traces = { targets: TARGETS, backedUpHosts: new Set(['https://kept.example']) }

/** As Go Spegel writes it. */
function goSpegel(host: string, { dialTimeout = "\ndial_timeout = '200ms'", more = '' } = {}): string {
  return `server = 'https://registry-1.docker.io'\n\n[host.'${host}']\ncapabilities = ['pull', 'resolve']${dialTimeout}${more}`
}
const AUTHORIZATION = "\n[host.'http://old:30020'.header]\nAuthorization = 'Basic YTpi'"
const KEPT = "\n\n[host.'https://kept.example']\nca = '/etc/ca.pem'\ncapabilities = ['pull']"

const OURS = {
  'a marked file': mark('x = 1'),
  'a marked file of another version': '# Managed by Spegel. Whatever.\n',
  'a file of Go Spegel': goSpegel('http://old:30020'),
  'a file of an earlier Go Spegel': goSpegel('http://old:30020', { dialTimeout: '' }),
  'a file of Go Spegel with credentials': goSpegel('http://old:30020', { more: AUTHORIZATION }),
  'a file of Go Spegel that keeps a host': goSpegel('http://old:30020', { more: KEPT }),
  'a file that asks only targets': `[host."${TARGETS[0]}"]\n  capabilities = ["pull"]\n`,
  'a file that asks targets and who was asked before': `[host."${TARGETS[1]}"]\n# comment\n[host."https://kept.example"]\n  skip_verify = true\n`,
}

for (const [name, text] of Object.entries(OURS)) {
  test(`${name} is ours`, () => assert.equal(isOurs(text, traces), true))
}

for (const [name, text] of Object.entries(OURS).slice(2)) {
  test(`without a backup, ${name} is foreign`, () => assert.equal(isOurs(text), false))
}

const FOREIGN = {
  'an empty file': '',
  'a file that only says where the server is': "server = 'https://r.example'",
  'a file that asks another mirror, as people write it':
    '[host."https://m.example"]\n  capabilities = ["pull", "resolve"]\n',
  'a file of the form with a comment': `# mine\n${goSpegel('http://old:30020')}`,
  'a file of the form with a certificate': goSpegel('http://old:30020', { more: "\nca = '/etc/ca.pem'" }),
  'a file that asks a target and another': `[host."${TARGETS[0]}"]\n[host."https://m.example"]\n`,
  'a file that asks targets with a setting for the server': `ca = "/ca.pem"\n[host."${TARGETS[0]}"]\n`,
  'a file that asks only who was asked before': "[host.'https://kept.example']\nskip_verify = true\n",
  'a file that is no TOML': `[host."${TARGETS[0]}"`,
  'a file that quotes the marker': `# See: ${mark('')}`,
}

for (const [name, text] of Object.entries(FOREIGN)) {
  test(`${name} is foreign`, () => assert.equal(isOurs(text, traces), false))
}
