import { access } from 'node:fs/promises'
import path from 'node:path'
import { type ContainerdConfig, readContainerdConfig } from './containerd-config.ts'
import type { ContainerdProcess } from './containerd-process.ts'
import { DISTRIBUTIONS, type Distribution, distributionOf } from './distributions.ts'

export interface FindConfigOptions {
  /** As given; undefined: to be found. */
  readonly given: string | undefined
  readonly process: ContainerdProcess | undefined
  readonly socket: string
  readonly hostRoot: string
  /** Version of the containerd that runs; undefined where it does not answer. */
  readonly version: string | undefined
}

export interface FoundConfig {
  readonly config: ContainerdConfig | { readonly trouble: string }
  readonly distribution: Distribution | undefined
}

/** Finds and reads the configuration file of a containerd. */
export async function findConfig(options: FindConfigOptions): Promise<FoundConfig> {
  const file = options.given ?? options.process?.config ?? (await usualFile(options))
  const distribution = distributionOf(file)
  const isContainerd2 = options.version === undefined ? undefined : Number.parseInt(options.version, 10) >= 2
  try {
    return { config: await readContainerdConfig({ file, hostRoot: options.hostRoot, isContainerd2 }), distribution }
  } catch (error) {
    return { config: { trouble: error instanceof Error ? error.message : String(error) }, distribution }
  }
}

/** The file of the first distribution that has one here, those with this socket first. */
async function usualFile({ socket, hostRoot }: FindConfigOptions): Promise<string> {
  const [likely, others] = [true, false].map(same => DISTRIBUTIONS.filter(each => (each.socket === socket) === same))
  for (const { config } of [...(likely ?? []), ...(others ?? [])]) {
    const exists = await access(path.join(hostRoot, config)).then(
      () => true,
      () => false,
    )
    if (exists) return config
  }
  return '/etc/containerd/config.toml'
}
