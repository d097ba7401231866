import assert from 'node:assert/strict'
import { mkdir, writeFile } from 'node:fs/promises'
import path from 'node:path'
import { test } from 'node:test'
import { temporaryDirectory } from '../../../../test/temporary-directory.ts'
import { configuredRegistries, hostsInForce } from './hosts-in-force.ts'

const hosts = (url: string) => `[host."${url}"]\n  capabilities = ["pull"]\n`

async function rootWith(root: string, files: Readonly<Record<string, string>>): Promise<void> {
  for (const [file, content] of Object.entries(files)) {
    await mkdir(path.dirname(path.join(root, file)), { recursive: true })
    await writeFile(path.join(root, file), content)
  }
}

test('the first directory that has a registry counts, then that for all', async () => {
  await using directory = await temporaryDirectory()
  await rootWith(directory.path, {
    'a/docker.io/hosts.toml': hosts('http://one'),
    'a/quay.io_5000_/hosts.toml': hosts('http://port'),
    'b/docker.io/hosts.toml': hosts('http://two'),
    'b/_default/hosts.toml': hosts('http://all'),
    'b/_backup/ghcr.io/hosts.toml': hosts('http://old'),
    'b/broken.io/hosts.toml': '[host',
    'b/empty.io/ca.crt': '',
  })
  const options = { configPaths: ['/a', '/b', '/none'], hostRoot: directory.path }
  for (const [registry, found, expected] of [
    ['docker.io', '/a/docker.io', ['http://one']],
    ['quay.io:5000', '/a/quay.io_5000_', ['http://port']],
    ['ghcr.io', '/b/_default', ['http://all']],
    [undefined, '/b/_default', ['http://all']],
    ['broken.io', '/b/broken.io', []],
    ['empty.io', '/b/empty.io', []],
  ] as const) {
    const inForce = await hostsInForce(registry, options)
    assert.equal(inForce.directory, found)
    assert.deepEqual(inForce.hosts, expected)
    assert.equal(inForce.trouble === undefined, expected.length > 0)
  }
  assert.equal((await hostsInForce('ghcr.io', { ...options, configPaths: ['/a'] })).directory, undefined)
  assert.deepEqual(await configuredRegistries(options), ['broken.io', 'docker.io', 'empty.io', 'quay.io:5000'])
})
