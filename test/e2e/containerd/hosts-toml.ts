import { mkdir, writeFile } from 'node:fs/promises'
import path from 'node:path'
import { run } from '../program.ts'
import { spegelCommand } from './spegel-process.ts'

export interface MirrorConfiguration {
  /** containerd's directory of hosts.toml files. */
  readonly directory: string
  /** URL of the registry. */
  readonly registry: string
  /** URL of the mirror. */
  readonly target: string
  /** Flags beside those. */
  readonly flags?: readonly string[]
}

/** Points containerd at the mirror by `spegel configuration`. */
export async function configureMirror({ directory, registry, target, flags = [] }: MirrorConfiguration): Promise<void> {
  const [program = '', ...args] = spegelCommand(
    'configuration',
    `--containerd-registry-config-path=${directory}`,
    `--mirrored-registries=${registry}`,
    `--mirror-targets=${target}`,
    ...flags,
  )
  await run(program, args)
}

/** Tells containerd to reach a registry without TLS, and without a mirror. */
export async function configureDirect(directory: string, registry: string): Promise<void> {
  const url = `http://${registry}`
  // 1.6 ignores a file without any host.
  const content = `server = "${url}"\n[host."${url}"]\n  capabilities = ["pull", "resolve"]\n`
  await mkdir(path.join(directory, registry), { recursive: true })
  await writeFile(path.join(directory, registry, 'hosts.toml'), content)
}
