import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { globSync } from 'node:fs'
import path from 'node:path'
import { test } from 'node:test'
import { promisify } from 'node:util'
import { unlessGo } from '../interop/go-program.ts'

const ROOT = path.resolve(import.meta.dirname, '../..')

test('actionlint has nothing to say of the workflows', { skip: unlessGo() }, async () => {
  const workflows = globSync('.github/workflows/*.yml', { cwd: ROOT }).map(file => path.join(ROOT, file))
  assert.ok(workflows.length >= 2)
  // Without shellcheck, which not every machine has: what is found must not depend on that.
  const args = ['tool', 'actionlint', '-shellcheck=', '-pyflakes=', ...workflows]
  const cwd = path.join(import.meta.dirname, 'actionlint')
  const { stdout } = await promisify(execFile)('go', args, { cwd }).catch((error: unknown) => {
    const said = error instanceof Error && 'stdout' in error ? String(error.stdout) : ''
    assert.fail(said === '' ? String(error) : said)
  })
  assert.equal(stdout, '')
})
