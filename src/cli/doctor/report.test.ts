import assert from 'node:assert/strict'
import { PassThrough } from 'node:stream'
import { test } from 'node:test'
import { findingsOf } from './finding.ts'
import { renderReport, reportJson } from './report.ts'

const { ok, failure } = findingsOf('socket')

test('each finding is a line, with the remedy below', () => {
  const text = renderReport([ok('all is well'), failure('it is not', 'do this')], { stream: new PassThrough() })
  assert.equal(text, 'ok       all is well\nfailure  it is not\n         → do this\n')
})

test('names from elsewhere can’t control the terminal', () => {
  const text = renderReport([ok('a\u001B[31m\nfailure b\u202E')], { stream: new PassThrough() })
  assert.equal(text, 'ok       a�[31m�failure b�\n')
})

test('programs get the same as JSON', () => {
  assert.deepEqual(JSON.parse(reportJson([ok('a')])), {
    ok: true,
    findings: [{ check: 'socket', status: 'ok', summary: 'a' }],
  })
  assert.equal(JSON.parse(reportJson([ok('a'), failure('b', 'c')])).ok, false)
})
