import assert from 'node:assert/strict'
import { mkdir, writeFile } from 'node:fs/promises'
import path from 'node:path'
import { test } from 'node:test'
import { temporaryDirectory } from '../../../../test/temporary-directory.ts'
import { DISTRIBUTIONS } from './distributions.ts'
import { findConfig } from './find-config.ts'

const UNKNOWN = { given: undefined, process: undefined, version: undefined, socket: '/run/containerd/containerd.sock' }

async function put(root: string, file: string, directory: string): Promise<void> {
  const place = path.join(root, file)
  await mkdir(path.dirname(place), { recursive: true })
  await writeFile(
    place,
    `version = 3\n[plugins.'io.containerd.cri.v1.images'.registry]\nconfig_path = '${directory}'\n`,
  )
}

for (const { name, config, socket } of DISTRIBUTIONS) {
  test(`the file of ${name} is found by itself, and where containerd has one of its own too`, async () => {
    await using directory = await temporaryDirectory()
    const hostRoot = directory.path
    await put(hostRoot, config, '/certs')
    const alone = await findConfig({ ...UNKNOWN, socket: '/run/other.sock', hostRoot })
    assert.equal(alone.distribution?.name, name)
    assert.ok(!('trouble' in alone.config))
    assert.deepEqual(alone.config.configPaths, ['/certs'])
    await put(hostRoot, '/etc/containerd/config.toml', '/others')
    assert.equal((await findConfig({ ...UNKNOWN, socket, hostRoot })).distribution?.name, name)
  })
}

test('the file that is given counts, then that of the process', async () => {
  await using directory = await temporaryDirectory()
  const hostRoot = directory.path
  for (const file of ['/given.toml', '/own.toml', '/etc/containerd/config.toml']) await put(hostRoot, file, file)
  const process = { config: '/own.toml', env: {} }
  const pathsOf = async (given?: string) => {
    const { config } = await findConfig({ ...UNKNOWN, given, process, hostRoot })
    return 'trouble' in config ? config.trouble : config.configPaths
  }
  assert.deepEqual(await pathsOf('/given.toml'), ['/given.toml'])
  assert.deepEqual(await pathsOf(), ['/own.toml'])
  assert.equal(await pathsOf('/none.toml'), '/none.toml: does not exist')
})
