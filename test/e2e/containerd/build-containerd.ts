/** Builds containerd 2.x from its Go module, as no Debian release has it yet. The first time it takes minutes. */
import { execFileSync } from 'node:child_process'
import { mkdirSync } from 'node:fs'
import path from 'node:path'
import { BUILT_DIRECTORY } from './containerd-binary.ts'

const COMMANDS = ['containerd', 'ctr'].map(name => `github.com/containerd/containerd/v2/cmd/${name}`)
/** Of no use here, and they would need C libraries. */
const TAGS = 'no_btrfs no_devmapper no_zfs'

mkdirSync(BUILT_DIRECTORY, { recursive: true })
// Static, so that nothing of this machine matters.
const env = { ...process.env, CGO_ENABLED: '0' }
// A linker flag names the version, which it does not know otherwise.
const cwd = path.join(import.meta.dirname, 'go')
const module = 'github.com/containerd/containerd/v2'
const version = execFileSync('go', ['list', '-m', '-f', '{{.Version}}', module], { cwd, encoding: 'utf8' }).trim()
const flags = `-s -w -X ${module}/version.Version=${version}`
execFileSync('go', ['build', '-trimpath', '-tags', TAGS, '-ldflags', flags, '-o', `${BUILT_DIRECTORY}/`, ...COMMANDS], {
  cwd,
  env,
  stdio: 'inherit',
})
