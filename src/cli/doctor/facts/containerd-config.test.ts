import assert from 'node:assert/strict'
import { mkdir, symlink, writeFile } from 'node:fs/promises'
import path from 'node:path'
import { test } from 'node:test'
import { temporaryDirectory } from '../../../../test/temporary-directory.ts'
import { readContainerdConfig } from './containerd-config.ts'

const FILE = '/etc/containerd/config.toml'

interface Case {
  readonly is: string
  readonly files: Readonly<Record<string, string>>
  readonly isContainerd2?: boolean
  readonly configPaths?: readonly string[]
  readonly discardsLayers?: boolean
  readonly hasOldMirrors?: boolean
  readonly pullsLocally?: boolean
  readonly readFiles?: readonly string[]
}

const NOTHING = { configPaths: [], discardsLayers: false, hasOldMirrors: false, pullsLocally: false }
const OLD = '[plugins."io.containerd.grpc.v1.cri"'
const NEW = "[plugins.'io.containerd.cri.v1.images'"

const cases: readonly Case[] = [
  { is: 'an empty file', files: { [FILE]: '' } },
  {
    is: 'version 1, with short names',
    files: {
      [FILE]: '[plugins.cri.registry]\nconfig_path = "/a"\n[plugins.cri.containerd]\ndiscard_unpacked_layers = true',
    },
    configPaths: ['/a'],
    discardsLayers: true,
  },
  {
    is: 'version 2',
    files: {
      [FILE]: `version = 2\n${OLD}.registry]\nconfig_path = "/a"\n${OLD}.containerd]\ndiscard_unpacked_layers = true`,
    },
    configPaths: ['/a'],
    discardsLayers: true,
  },
  {
    is: 'version 2, read by containerd 2',
    files: { [FILE]: `version = 2\n${OLD}.registry]\nconfig_path = "/a"` },
    isContainerd2: true,
    configPaths: ['/a'],
  },
  {
    is: 'version 3',
    files: {
      [FILE]: `version = 3\n${NEW}]\ndiscard_unpacked_layers = true\nuse_local_image_pull = true\n${NEW}.registry]\nconfig_path = '/a:/b'`,
    },
    configPaths: ['/a', '/b'],
    discardsLayers: true,
    pullsLocally: true,
  },
  {
    is: 'version 3 with the plugin’s old name, which containerd 1 alone had',
    files: { [FILE]: `version = 2\n${NEW}.registry]\nconfig_path = '/a'` },
    isContainerd2: false,
    configPaths: [],
  },
  {
    is: 'old mirrors',
    files: { [FILE]: `version = 2\n${OLD}.registry.mirrors."docker.io"]\nendpoint = ["https://a"]` },
    hasOldMirrors: true,
  },
  {
    is: 'imports, of which the last that has the plugin counts alone',
    files: {
      [FILE]: `version = 2\nimports = ["conf.d/*.toml", "/other.toml"]\n${OLD}.registry]\nconfig_path = "/a"`,
      '/etc/containerd/conf.d/20.toml': `version = 2\n${OLD}.registry]\nconfig_path = "/c"`,
      '/etc/containerd/conf.d/10.toml': `version = 2\n${OLD}.containerd]\ndiscard_unpacked_layers = true`,
      '/etc/containerd/conf.d/ignored.conf': 'nonsense = [',
      '/other.toml': 'version = 2\n[plugins."io.containerd.other"]\na = 1',
    },
    isContainerd2: true,
    configPaths: ['/c'],
    readFiles: [FILE, '/etc/containerd/conf.d/10.toml', '/etc/containerd/conf.d/20.toml', '/other.toml'],
  },
  {
    is: 'a relative pattern, which containerd 1 takes from its working directory',
    files: {
      [FILE]: 'version = 2\nimports = ["conf.d/*.toml"]',
      '/etc/containerd/conf.d/10.toml': `version = 2\n${OLD}.registry]\nconfig_path = "/not"`,
      '/conf.d/10.toml': `version = 2\n${OLD}.registry]\nconfig_path = "/a"`,
    },
    isContainerd2: false,
    configPaths: ['/a'],
    readFiles: [FILE, '/conf.d/10.toml'],
  },
  {
    is: 'imports in a circle',
    files: { [FILE]: 'imports = ["a.toml"]', '/etc/containerd/a.toml': 'imports = ["config.toml", "a.toml"]' },
    readFiles: [FILE, '/etc/containerd/a.toml'],
  },
]

async function write(root: string, files: Readonly<Record<string, string>>): Promise<void> {
  for (const [file, content] of Object.entries(files)) {
    const place = path.join(root, file)
    await mkdir(path.dirname(place), { recursive: true })
    await writeFile(place, content)
  }
}

for (const { is, files, isContainerd2, readFiles, ...expected } of cases) {
  test(`${is} can be read`, async () => {
    await using directory = await temporaryDirectory()
    await write(directory.path, files)
    const config = await readContainerdConfig({ file: FILE, hostRoot: directory.path, isContainerd2 })
    const { files: found, version: _version, ...said } = config
    assert.deepEqual(said, { ...NOTHING, ...expected })
    assert.deepEqual(found, readFiles ?? [FILE])
  })
}

for (const [is, files, message] of [
  ['a file that is not there', {}, /config\.toml: does not exist/],
  ['a file that is no TOML', { [FILE]: 'version = [' }, /config\.toml: is no TOML/],
  ['an import that is not there', { [FILE]: 'imports = ["/none.toml"]' }, /\/none\.toml: does not exist/],
] as const) {
  test(`${is} is refused by name`, async () => {
    await using directory = await temporaryDirectory()
    await write(directory.path, files)
    await assert.rejects(readContainerdConfig({ file: FILE, hostRoot: directory.path }), {
      code: 'CONFIG_FILE',
      message,
    })
  })
}

test('what is no regular file is not waited for', async () => {
  await using directory = await temporaryDirectory()
  await mkdir(path.join(directory.path, '/etc/containerd'), { recursive: true })
  await symlink('/dev/zero', path.join(directory.path, FILE))
  await assert.rejects(readContainerdConfig({ file: FILE, hostRoot: directory.path }), { message: /cannot be read/ })
})
