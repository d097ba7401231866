import assert from 'node:assert/strict'
import { PassThrough } from 'node:stream'
import { test } from 'node:test'
import { stripVTControlCharacters } from 'node:util'
import { LiveTable } from './live-table.ts'

const OPTIONS = { nodes: ['127.0.0.1:5000', '127.0.0.2:5000'], imageBytes: 1000 }
const COLD = { node: '127.0.0.1:5000', seconds: 2, bytes: 1000, from: { upstream: 1000 } }
const WARM = { node: '127.0.0.2:5000', seconds: 1, bytes: 500, from: { '127.0.0.3:5000': 100, '127.0.0.1:5000': 400 } }

function play(terminal: PassThrough): string {
  const table = new LiveTable(terminal, OPTIONS)
  table.pulled(COLD)
  table.upstreamStopped()
  table.looking(WARM.node)
  table.pulling(WARM)
  table.pulled(WARM)
  return String(terminal.read())
}

test('a reader that is no terminal gets a line a step', () => {
  assert.equal(
    play(new PassThrough({ encoding: 'utf8' })),
    [
      '127.0.0.1:5000 has the image: 1.0 kB in 2.00 s from upstream 1.0 kB',
      'upstream is switched off',
      '127.0.0.2:5000 has the image: 500 B in 1.00 s from 127.0.0.1:5000 400 B, 127.0.0.3:5000 100 B',
      '',
    ].join('\n'),
  )
})

test('a terminal gets a table that is painted over', () => {
  const terminal = Object.assign(new PassThrough({ encoding: 'utf8' }), { isTTY: true })
  const paintings = play(terminal).split('\x1b[3A\r\x1b[J').map(stripVTControlCharacters)
  assert.equal(paintings.length, 5)
  assert.equal(
    paintings[0],
    ['  upstream   ● on', '  127.0.0.1  ··············', '  127.0.0.2  ··············', ''].join('\n'),
  )
  assert.match(paintings[3] ?? '', /127\.0\.0\.2 {2}·{14} {2}looking for the image at its peers\n/)
  assert.equal(
    paintings[4],
    [
      '  upstream   ○ switched off',
      '  127.0.0.1  ━━━━━━━━━━━━━━   2.00 s     500 B/s  ← upstream',
      '  127.0.0.2  ━━━━━━━·······   1.00 s     500 B/s  ← 127.0.0.1 80%, .3 20%',
      '',
    ].join('\n'),
  )
})

for (const columns of [60, 80, 110, 200]) {
  test(`no line of a table is wider than a terminal of ${columns} columns, and what is cut off is marked`, () => {
    const terminal = Object.assign(new PassThrough({ encoding: 'utf8' }), { isTTY: true, columns })
    const from = Object.fromEntries(Array.from({ length: 12 }, (_, index) => [`127.0.0.${index + 3}:5000`, 80]))
    new LiveTable(terminal, { nodes: [WARM.node], imageBytes: 960 }).pulled({ ...WARM, bytes: 960, from })
    const [, row = ''] = stripVTControlCharacters(String(terminal.read())).trimEnd().split('\n').slice(-2)
    assert.ok(row.length <= columns, row)
    assert.equal(row.endsWith('…'), columns < 150)
  })
}

test('a source of a negligible share is left out of the table', () => {
  const terminal = Object.assign(new PassThrough({ encoding: 'utf8' }), { isTTY: true })
  const from = { '127.0.0.1:5000': 995, '127.0.0.3:5000': 5 }
  new LiveTable(terminal, OPTIONS).pulled({ ...WARM, bytes: 1000, from })
  assert.match(stripVTControlCharacters(String(terminal.read())), /← 127\.0\.0\.1\n/)
})

test('what upstream was asked for is told, on a terminal beside it', () => {
  const counts = { blobRequests: 4, blobBytes: 900 }
  const pipe = new PassThrough({ encoding: 'utf8' })
  new LiveTable(pipe, OPTIONS).upstreamAsked(counts)
  assert.equal(String(pipe.read()), 'upstream sent 900 B in 4 requests to 2 nodes\n')
  const terminal = Object.assign(new PassThrough({ encoding: 'utf8' }), { isTTY: true })
  new LiveTable(terminal, OPTIONS).upstreamAsked(counts)
  assert.match(stripVTControlCharacters(String(terminal.read())), /upstream {3}● on, sent 900 B in 4 requests\n/)
})
