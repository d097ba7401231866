import assert from 'node:assert/strict'
import { chmod, lstat, mkdir, readdir, rm, stat, symlink, utimes, writeFile } from 'node:fs/promises'
import path from 'node:path'
import { test } from 'node:test'
import { directoryRig } from '../../test/certs-d/directory-rig.ts'
import { LIVED_IN } from '../../test/certs-d/scenarios.ts'
import { UnfitDirectoryError } from './errors.ts'
import { mark } from './ownership.ts'

const MIRRORS = ['http://127.0.0.1:5000', 'http://127.0.0.1:5001']
  .map(url => `[host."${url}"]\ncapabilities = ["pull", "resolve"]\ndial_timeout = "200ms"\n`)
  .join('\n')

function hosts(server: string | undefined, more = ''): string {
  return mark(`${server === undefined ? '' : `server = "${server}"\n\n`}${MIRRORS}${more}`)
}

test('where nothing is, each registry gets a file, all others one, and there is an empty backup', async () => {
  await using rig = await directoryRig()
  await rig.configure(['https://docker.io', 'http://foo.bar:5000', 'https://[fd00::1]:5000', '_default'])
  assert.deepEqual(await rig.texts(), {
    'docker.io/hosts.toml': hosts('https://registry-1.docker.io'),
    'foo.bar:5000/hosts.toml': hosts('http://foo.bar:5000'),
    '[fd00::1]:5000/hosts.toml': hosts('https://[fd00::1]:5000'),
    '_default/hosts.toml': hosts(undefined),
  })
  assert.deepEqual((await readdir(rig.root)).toSorted(), [
    '[fd00::1]:5000',
    '_backup',
    '_default',
    'docker.io',
    'foo.bar:5000',
  ])
  assert.equal((await stat(path.join(rig.root, '_default'))).mode & 0o777, 0o755)
  assert.equal((await stat(path.join(rig.root, '_default', 'hosts.toml'))).mode & 0o777, 0o644)
})

test('mirrors that are not asked for tags can’t resolve', async () => {
  await using rig = await directoryRig()
  await rig.configure(['_default'], { use: { targets: ['http://mirror'], resolveTags: false } })
  assert.deepEqual(await rig.texts(), {
    '_default/hosts.toml': mark('[host."http://mirror"]\ncapabilities = ["pull"]\ndial_timeout = "200ms"\n'),
  })
})

test('a password goes to every mirror and is for the owner of the file only', async () => {
  await using rig = await directoryRig({ 'a.example/hosts.toml': { text: '', mode: 0o444 } })
  const use = { targets: ['http://a:1', 'http://b:1'], resolveTags: false, authorization: 'Basic YTpi' }
  await rig.configure(['_default', 'https://a.example'], { use })
  const { '_default/hosts.toml': text = '' } = await rig.texts()
  assert.equal(text.split('.header]\nAuthorization = "Basic YTpi"\n').length, 3)
  assert.equal((await stat(path.join(rig.root, '_default/hosts.toml'))).mode & 0o777, 0o600)
  assert.equal((await stat(path.join(rig.root, 'a.example/hosts.toml'))).mode & 0o777, 0o400)
})

test('mirrors of others are asked last and get no password', async () => {
  await using rig = await directoryRig()
  const anonymousTargets = ['http://c:1', 'http://a:1']
  const use = { targets: ['http://a:1'], anonymousTargets, resolveTags: false, authorization: 'Basic YTpi' }
  await rig.configure(['_default'], { use })
  const common = 'capabilities = ["pull"]\ndial_timeout = "200ms"\n'
  const { '_default/hosts.toml': text = '' } = await rig.texts()
  assert.ok(text.endsWith(`[host."http://c:1"]\n${common}`), text)
  assert.equal(text.split('Authorization').length, 2)
  assert.equal(text.split('[host."http://a:1"]').length, 2)
})

test('a file can be read by those who could read its predecessor', async () => {
  await using rig = await directoryRig(LIVED_IN)
  await rig.configure(['https://ghcr.io'])
  assert.equal((await stat(path.join(rig.root, 'ghcr.io/hosts.toml'))).mode & 0o777, 0o640)
})

test('what was there is in the backup as it was, and no longer in force', async () => {
  await using rig = await directoryRig(LIVED_IN)
  const before = await rig.snapshot()
  await rig.configure(['https://docker.io', '_default'])
  const after = await rig.snapshot()
  for (const [name, entry] of Object.entries(before)) assert.equal(after[path.join('_backup', name)], entry, name)
  assert.deepEqual(
    Object.keys(after).filter(name => !name.startsWith('_backup')),
    ['_default', '_default/hosts.toml', 'docker.io', 'docker.io/hosts.toml'],
  )
  const written = await stat(path.join(rig.root, '_backup/ghcr.io/hosts.toml'))
  assert.equal(written.mtime.toISOString(), '2020-01-02T03:04:05.000Z')
})

test('to configure twice is to configure once: nothing is touched', async () => {
  for (const prependExisting of [false, true]) {
    await using rig = await directoryRig(LIVED_IN)
    await rig.configure(['https://docker.io', '_default'], { prependExisting })
    const names = await readdir(rig.root, { recursive: true })
    const times = async () =>
      await Promise.all(['', ...names].map(async name => (await lstat(path.join(rig.root, name))).ctimeMs))
    const [before, timesBefore] = [await rig.snapshot(), await times()]
    await rig.configure(['https://docker.io', '_default'], { prependExisting })
    assert.deepEqual(await rig.snapshot(), before)
    assert.deepEqual(await times(), timesBefore)
    assert.equal(rig.log.lines.at(-1)?.message, 'mirrors are configured already')
  }
})

test('registries that are no longer mirrored lose their file', async () => {
  await using rig = await directoryRig()
  await rig.configure(['https://docker.io', 'https://a.example'])
  await rig.configure(['https://a.example'])
  assert.deepEqual(Object.keys(await rig.texts()), ['a.example/hosts.toml'])
})

test('what others add or change later is merged into the backup', async () => {
  await using rig = await directoryRig(LIVED_IN)
  await rig.configure(['https://docker.io'])
  await rig.lay({
    'quay.io/hosts.toml': 'later = 1\n',
    'docker.io/later.crt': 'later CA',
    'ghcr.io/hosts.toml': { text: 'changed = 1\n', mode: 0o600 },
  })
  await rig.configure(['https://docker.io'])
  const found = await rig.texts()
  assert.equal(found['_backup/quay.io/hosts.toml'], 'later = 1\n')
  assert.equal(found['_backup/docker.io/later.crt'], 'later CA')
  assert.equal(found['_backup/docker.io/hosts.toml'], LIVED_IN['docker.io/hosts.toml'])
  assert.equal(found['_backup/ghcr.io/hosts.toml'], 'changed = 1\n')
  assert.equal((await stat(path.join(rig.root, '_backup/ghcr.io/hosts.toml'))).mode & 0o777, 0o600)
  assert.deepEqual(
    Object.keys(found).filter(name => !name.startsWith('_backup')),
    ['docker.io/hosts.toml'],
  )
})

/** As Go Spegel writes it. */
function goSpegel(url: string): string {
  return `[host.'${url}']\ncapabilities = ['pull', 'resolve']\ndial_timeout = '200ms'`
}

test('files of Go Spegel are replaced, and not taken for what was there', async () => {
  await using rig = await directoryRig({
    '_backup/docker.io/hosts.toml': 'original = 1\n',
    'docker.io/hosts.toml': goSpegel('http://127.0.0.1:5000'),
    '_default/hosts.toml': goSpegel('http://10.0.0.9:30020'),
  })
  await rig.configure(['https://docker.io'])
  assert.deepEqual(await rig.texts(), {
    '_backup/docker.io/hosts.toml': 'original = 1\n',
    'docker.io/hosts.toml': hosts('https://registry-1.docker.io'),
  })
})

test('existing hosts are asked after the mirrors, with their certificates, and all else stays', async () => {
  await using rig = await directoryRig(LIVED_IN)
  const before = await rig.texts()
  await rig.configure(['https://docker.io', 'http://r.example:5000', 'https://new.example'], { prependExisting: true })
  const after = await rig.texts()
  const inForce = Object.fromEntries(Object.entries(after).filter(([name]) => !name.startsWith('_backup/')))
  assert.deepEqual(inForce, {
    ...before,
    'docker.io/hosts.toml': hosts(
      'https://docker.io',
      '\n[host."https://old.example"]\nca = ["ca.crt"]\nclient = [["nested/tls.pem", ""]]\n',
    ),
    'new.example/hosts.toml': hosts('https://new.example'),
    'r.example_5000_/hosts.toml': hosts('http://r.example:5000', '\n[host."https://r.mirror"]\nca = "r.crt"\n'),
  })
})

test('where all are mirrored, existing registries that would not fall back to the default are too', async () => {
  await using rig = await directoryRig(LIVED_IN)
  await rig.configure(['_default'], { prependExisting: true })
  const after = await rig.texts()
  assert.equal(after['_default/hosts.toml'], hosts(undefined))
  assert.equal(after['ghcr.io/hosts.toml'], hosts(undefined, '\n[host."https://ghcr.mirror"]\n'))
  assert.equal(after['certs.example/hosts.toml'], mark(`ca = ["ca.crt"]\n\n${MIRRORS}`))
  assert.equal(after['certs.example/ca.crt'], 'CA of certs.example')
  assert.equal(after['empty.example/hosts.toml'], hosts(undefined))
  assert.equal(after['linked.example/hosts.toml'], hosts(undefined, '\n[host."https://ghcr.mirror"]\n'))
  assert.equal(after['notes.txt'], 'do not touch')
})

test('a mirror that was there already is there once, as ours', async () => {
  await using rig = await directoryRig({
    'a.example/hosts.toml': '[host."https://b"]\n[host."http://127.0.0.1:5001"]\nskip_verify = true\n',
  })
  await rig.configure(['https://a.example'], { prependExisting: true })
  assert.equal((await rig.texts())['a.example/hosts.toml'], hosts('https://a.example', '\n[host."https://b"]\n'))
})

test('Docker’s certificates apply to the registry itself', async () => {
  await using rig = await directoryRig({ 'a.example/b.cert': 'B', 'a.example/b.key': 'K', 'a.example/c.cert': 'C' })
  await rig.configure(['https://a.example'], { prependExisting: true })
  assert.equal(
    (await rig.texts())['a.example/hosts.toml'],
    mark(`server = "https://a.example"\nclient = [["b.cert", "b.key"], ["c.cert", ""]]\n\n${MIRRORS}`),
  )
})

test('relative certificates of a linked directory are named by where they are', async () => {
  await using rig = await directoryRig({
    'a.example': '-> ../shared',
    'b.example': '-> c.example',
    'c.example/hosts.toml': '[host."https://m"]\nca = "c.crt"\n',
  })
  const shared = path.join(rig.root, '..', 'shared')
  await mkdir(shared)
  await writeFile(path.join(shared, 'hosts.toml'), 'ca = "a.crt"\n[host."https://m"]\nclient = [["m.cert", ""]]\n')
  await rig.configure(['https://a.example', 'https://b.example'], { prependExisting: true })
  const after = await rig.texts()
  assert.equal(
    after['a.example/hosts.toml'],
    mark(
      `server = "https://a.example"\nca = "${shared}/a.crt"\n\n${MIRRORS}\n[host."https://m"]\nclient = [["${shared}/m.cert", ""]]\n`,
    ),
  )
  assert.match(after['b.example/hosts.toml'] ?? '', new RegExp(`ca = "${rig.root}/c.example/c.crt"`))
  assert.deepEqual(await readdir(shared), ['hosts.toml'])
})

test('existing hosts that containerd would ignore are ignored, with a warning', async () => {
  await using rig = await directoryRig({ 'a.example/hosts.toml': 'no toml', 'b.example': '-> b.example' })
  await rig.configure(['https://a.example', 'https://b.example'], { prependExisting: true })
  const after = await rig.texts()
  assert.equal(after['a.example/hosts.toml'], hosts('https://a.example'))
  assert.equal(after['b.example/hosts.toml'], hosts('https://b.example'))
  assert.equal(after['_backup/a.example/hosts.toml'], 'no toml')
  assert.deepEqual(
    rig.log.lines.filter(({ level }) => level === 'warn').map(({ message }) => message),
    ['existing hosts are ignored, as by containerd'],
  )
})

test('a linked hosts.toml is replaced, not written through', async () => {
  await using rig = await directoryRig({ 'a.example/hosts.toml': '-> ../../shared.toml' })
  const shared = path.join(rig.root, '..', 'shared.toml')
  await writeFile(shared, '[host."https://m"]\n')
  const modified = new Date(0)
  await utimes(shared, modified, modified)
  await rig.configure(['https://a.example'], { prependExisting: true })
  const after = await rig.snapshot()
  assert.equal(after['_backup/a.example/hosts.toml'], '-> ../../shared.toml')
  assert.match(after['a.example/hosts.toml'] ?? '', /host."https:\/\/m"/)
  assert.equal((await stat(shared)).mtimeMs, 0)
})

test('what a killed run left behind is removed', async () => {
  await using rig = await directoryRig({ '_backup.tmp/docker.io/hosts.toml': 'half' })
  await rig.configure(['_default'])
  assert.deepEqual(await rig.texts(), { '_default/hosts.toml': hosts(undefined) })
  assert.deepEqual((await readdir(rig.root)).toSorted(), ['_backup', '_default'])
})

test('a directory that is something else is left as it is', async () => {
  await using rig = await directoryRig({ a: '' })
  await Promise.all(Array.from({ length: 10_000 }, (_, n) => symlink('x', path.join(rig.root, String(n)))))
  await assert.rejects(
    rig.configure(['_default']),
    (error: unknown) => error instanceof UnfitDirectoryError && error.message.includes('more than 10000 entries'),
  )
  assert.equal((await readdir(rig.root)).length, 10_001)
  await rm(rig.root, { recursive: true })
  await mkdir(path.join(rig.root, ...Array.from({ length: 20 }, () => 'd')), { recursive: true })
  await assert.rejects(rig.configure(['_default']), UnfitDirectoryError)
  await rm(rig.root, { recursive: true })
  await writeFile(rig.root, '')
  await assert.rejects(rig.configure(['_default']), /certs\.d/)
})

test('a directory whose permissions are strict keeps them', async () => {
  await using rig = await directoryRig({ 'a.example/hosts.toml': '' })
  await chmod(path.join(rig.root, 'a.example'), 0o700)
  await rig.configure(['https://a.example'])
  for (const name of ['a.example', '_backup/a.example']) {
    assert.equal((await stat(path.join(rig.root, name))).mode & 0o777, 0o700, name)
  }
})
