import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { lstat, readdir, rm, truncate, writeFile } from 'node:fs/promises'
import path from 'node:path'
import { test } from 'node:test'
import { directoryRig } from '../../test/certs-d/directory-rig.ts'
import { LIVED_IN } from '../../test/certs-d/scenarios.ts'

for (const prependExisting of [false, true]) {
  test(`what was there comes back as it was (existing ${prependExisting ? 'kept' : 'replaced'})`, async () => {
    await using rig = await directoryRig(LIVED_IN)
    const before = await rig.snapshot()
    await rig.configure(['https://docker.io', 'https://new.example', '_default'], { prependExisting })
    await rig.restore()
    assert.deepEqual(await rig.snapshot(), before)
    const { mtime } = await lstat(path.join(rig.root, 'ghcr.io/hosts.toml'))
    assert.equal(mtime.toISOString(), '2020-01-02T03:04:05.000Z')
    await rig.restore()
    assert.deepEqual(await rig.snapshot(), before)
    assert.equal(rig.log.lines.at(-1)?.message, 'no mirrors are configured')
  })
}

test('what others added or changed since stays', async () => {
  const { 'linked.example': _, ...unlinked } = LIVED_IN
  await using rig = await directoryRig(unlinked)
  const before = await rig.texts()
  await rig.configure(['https://docker.io', '_default'])
  const later = {
    'quay.io/hosts.toml': 'later = 1\n',
    'docker.io/later.crt': 'CA',
    'ghcr.io/hosts.toml': 'changed = 1\n',
  }
  await rig.lay(later)
  await rig.restore()
  assert.deepEqual(await rig.texts(), { ...before, ...later })
})

test('what Go Spegel put in the place of others is undone', async () => {
  await using rig = await directoryRig({
    '_backup/docker.io/hosts.toml': 'original = 1\n',
    'docker.io/hosts.toml': "[host.'http://10.0.0.9:30020']\ncapabilities = ['pull']\ndial_timeout = '200ms'",
    'docker.io/copied.crt': 'CA',
    '_default/hosts.toml': "[host.'http://10.0.0.9:30020']\ncapabilities = ['pull']",
  })
  await rig.restore()
  assert.deepEqual(await rig.texts(), { 'docker.io/copied.crt': 'CA', 'docker.io/hosts.toml': 'original = 1\n' })
})

test('without a backup only files of ours are removed', async () => {
  await using rig = await directoryRig({ 'ghcr.io/hosts.toml': 'theirs = 1\n' })
  const { root } = rig
  await rig.configure(['https://docker.io', 'https://quay.io'], { prependExisting: true })
  await rig.lay({ 'quay.io/ca.crt': 'CA' })
  await rm(path.join(root, '_backup'), { recursive: true })
  await rig.restore()
  assert.deepEqual(await rig.texts(), { 'ghcr.io/hosts.toml': 'theirs = 1\n', 'quay.io/ca.crt': 'CA' })
  assert.deepEqual((await readdir(root)).toSorted(), ['ghcr.io', 'quay.io'])
})

test('where nothing is there is nothing to do', async () => {
  await using rig = await directoryRig()
  await rig.restore()
  assert.equal(rig.log.lines.at(-1)?.message, 'there is no registry configuration')
  await assert.rejects(readdir(rig.root), { code: 'ENOENT' })
})

test('pipes and huge files go to the backup and come back without being read', async () => {
  await using rig = await directoryRig({ 'a.example/hosts.toml': '' })
  const pipe = path.join(rig.root, 'a.example', 'pipe')
  const huge = path.join(rig.root, 'huge')
  execFileSync('mkfifo', [pipe])
  await writeFile(huge, '')
  await truncate(huge, 2 ** 40)
  const inodes = async (root: string) =>
    await Promise.all([pipe, huge].map(async file => (await lstat(path.join(root, path.relative(rig.root, file)))).ino))
  const before = await inodes(rig.root)
  await rig.configure(['https://a.example', '_default'])
  assert.deepEqual(await inodes(path.join(rig.root, '_backup')), before)
  await rig.configure(['https://a.example', '_default'])
  await rig.restore()
  assert.deepEqual(await inodes(rig.root), before)
})
