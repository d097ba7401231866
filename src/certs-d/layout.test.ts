import assert from 'node:assert/strict'
import { test } from 'node:test'
import { registryDirectories } from './layout.ts'

for (const [registry, directories] of [
  ['docker.io', ['docker.io']],
  ['r.example:5000', ['r.example_5000_', 'r.example:5000']],
  ['[::1]:5000', ['[::1]_5000_', '[::1]:5000']],
  ['[::1]', ['[:_1]_', '[::1]']],
] as const) {
  test(`containerd looks for ${registry} in ${directories.join(', then ')}`, () => {
    assert.deepEqual(registryDirectories(registry), directories)
  })
}
