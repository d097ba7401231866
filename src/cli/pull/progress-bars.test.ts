import assert from 'node:assert/strict'
import { Writable } from 'node:stream'
import { test } from 'node:test'
import { digestOf } from '../../oci/digest.ts'
import { ProgressBars } from './progress-bars.ts'

const one = { digest: digestOf(Buffer.from('one')), size: 1000, mediaType: 'application/octet-stream' }
const other = { digest: digestOf(Buffer.from('other')), size: 4000, mediaType: 'application/octet-stream' }

function shortName({ digest }: { readonly digest: string }): string {
  return digest.slice('sha256:'.length).slice(0, 12)
}

class Terminal extends Writable {
  readonly isTTY = true
  columns = 58
  /** What was written since last looked. */
  #text = ''

  constructor() {
    super({ decodeStrings: false })
  }

  take(): string {
    const text = this.#text
    this.#text = ''
    return text.replaceAll(shortName(one), 'one').replaceAll(shortName(other), 'other')
  }

  override _write(chunk: string, _: BufferEncoding, callback: () => void): void {
    this.#text += chunk
    callback()
  }
}

test('bars fill as bytes come, are redrawn in place at most ten times a second, and stay when they are full', () => {
  const terminal = new Terminal()
  let nowMs = 0
  const bars = new ProgressBars(terminal, () => nowMs)
  bars.started(one, 0)
  assert.equal(terminal.take(), 'one ░░░░░░░░░░ 0 B of 1.0 kB\n')
  bars.started(other, 2000)
  const both = 'one ░░░░░░░░░░ 0 B of 1.0 kB\nother █████░░░░░ 2.0 kB of 4.0 kB\n'
  assert.equal(terminal.take(), `\x1b[1A\x1b[J${both}`)
  bars.advanced(one.digest, 500)
  assert.equal(terminal.take(), '')
  nowMs = 100
  bars.advanced(one.digest, 100)
  assert.equal(terminal.take(), '\x1b[2A\x1b[Jone ██████░░░░ 600 B of 1.0 kB\nother █████░░░░░ 2.0 kB of 4.0 kB\n')
  bars.finished(other.digest)
  assert.equal(terminal.take(), '\x1b[2A\x1b[Jother ██████████ 4.0 kB of 4.0 kB\none ██████░░░░ 600 B of 1.0 kB\n')
  bars.finished(one.digest)
  assert.equal(terminal.take(), '\x1b[1A\x1b[Jone ██████████ 1.0 kB of 1.0 kB\n')
})

test('a terminal too narrow for bars gets lines without them, and empty content has a full one', () => {
  const terminal = new Terminal()
  const bars = new ProgressBars(terminal, () => 0)
  bars.started({ ...one, size: 0 }, 0)
  assert.equal(terminal.take(), 'one ██████████ 0 B of 0 B\n')
  terminal.columns = 20
  bars.finished(one.digest)
  assert.equal(terminal.take(), '\x1b[1A\x1b[Jone  0 B of 0 B\n')
})
