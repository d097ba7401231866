import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import path from 'node:path'
import { test } from 'node:test'

const BUNDLE = path.resolve(import.meta.dirname, '../../dist/spegel.js')
const REQUIRED_MAJOR = 24

/** The Node of this machine, not the one that npm brought; undefined where it has none. */
function systemNode(): string | undefined {
  const directories = (process.env['PATH'] ?? '').split(path.delimiter)
  const nodes = directories.filter(directory => !directory.includes('node_modules')).map(it => path.join(it, 'node'))
  return nodes.find(node => existsSync(node))
}

function whyNot(node: string | undefined): string | false {
  if (!existsSync(BUNDLE)) return 'dist/spegel.js is not built'
  if (node === undefined) return 'this machine has no Node of its own'
  const { stdout } = spawnSync(node, ['--version'], { encoding: 'utf8' })
  const isOld = Number(/^v(\d+)/.exec(stdout)?.[1]) < REQUIRED_MAJOR
  return isOld ? false : `the Node of this machine is ${stdout.trim()}, which is not too old`
}

const node = systemNode()

test('the bundle says in one line that a Node is too old, with status 1', { skip: whyNot(node) }, () => {
  for (const args of [['--version'], ['registry'], ['demo', '--once']]) {
    const { status, stdout, stderr } = spawnSync(node ?? '', [BUNDLE, ...args], { encoding: 'utf8' })
    assert.equal(status, 1)
    assert.equal(stdout, '')
    assert.match(stderr, /^spegel needs Node\.js 24 or newer, this is v\d+\.\d+\.\d+\n$/)
  }
})
