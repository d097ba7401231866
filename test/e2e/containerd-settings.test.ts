import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { writeFile } from 'node:fs/promises'
import path from 'node:path'
import { test } from 'node:test'
import { promisify } from 'node:util'
import { GUIDES } from '../docs/markdown.ts'
import { temporaryDirectory } from '../temporary-directory.ts'
import { containerdBinaries } from './containerd/containerd-binary.ts'

const SETTING = /^\s*(?<name>config_path|discard_unpacked_layers) = ["']?(?<value>[^"'\n]+)["']?$/gm

/** Settings that Spegel depends on, as a configuration has them: `name = value`. */
function settingsOf(toml: string): readonly string[] {
  return [...toml.matchAll(SETTING)].map(({ groups = {} }) => `${groups['name']} = ${groups['value']}`)
}

const snippets = GUIDES.flatMap(({ blocks }) => blocks)
  .filter(({ language, text }) => language === 'toml' && text.includes('[plugins.'))
  .map(({ at, text }) => ({ at, text, format: Number(/^version = (\d)$/m.exec(text)?.[1]) }))

const binaries = containerdBinaries()
test('containerd is there to be asked', { skip: binaries.length === 0 && 'containerd is not installed' }, () => {
  assert.ok(snippets.length >= 2)
})

for (const { containerd, version } of binaries) {
  for (const { at, text, format } of snippets) {
    // containerd 1 knows version 2 of its format, containerd 2 both.
    const skip = Number(version.split('.')[0]) + 1 < format && `containerd ${version} can't read version ${format}`
    test(`containerd ${version} takes the settings of ${at}`, { skip }, async () => {
      await using directory = await temporaryDirectory()
      const file = path.join(directory.path, 'config.toml')
      await writeFile(file, text)
      const { stdout } = await promisify(execFile)(containerd, ['--config', file, 'config', 'dump'])
      const inForce = settingsOf(stdout)
      const asked = settingsOf(text)
      assert.ok(asked.length > 0)
      for (const setting of asked) assert.ok(inForce.includes(setting), `${setting}; in force: ${inForce.join(', ')}`)
      assert.ok(inForce.includes('discard_unpacked_layers = false'))
    })
  }
}
