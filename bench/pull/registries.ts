import { mkdir, writeFile } from 'node:fs/promises'
import path from 'node:path'
import { ChildProgram } from '../../test/e2e/containerd/child-program.ts'
import type { TestHost } from '../../test/interop/network.ts'
import { until } from '../../test/until.ts'

/** Where a {@link startRegistry} listens. */
export const REGISTRY_PORT = 80

export interface RegistryOptions {
  /** Its configuration and content go there, under `name`. */
  readonly directory: string
  readonly name: string
  /** URL of the registry that it is a pull-through cache of. Default: it is one of its own. */
  readonly cacheOf?: string
}

/** Debian's docker-registry on a host of the network. */
export async function startRegistry(
  host: TestHost,
  { directory, name, cacheOf }: RegistryOptions,
): Promise<ChildProgram> {
  const home = path.join(directory, name)
  await mkdir(home)
  const file = path.join(home, 'config.yml')
  await writeFile(
    file,
    `version: 0.1
log: {level: error, accesslog: {disabled: true}}
storage: {filesystem: {rootdirectory: ${home}}, cache: {blobdescriptor: inmemory}}
http: {addr: "${host.address}:${REGISTRY_PORT}"}
${cacheOf === undefined ? '' : `proxy: {remoteurl: "${cacheOf}"}`}
`,
  )
  const program = ChildProgram.start(name, host.within(['docker-registry', 'serve', file]))
  await until(async () => {
    program.assertRunning()
    return await fetch(`http://${host.address}:${REGISTRY_PORT}/v2/`).then(
      ({ ok }) => ok,
      () => false,
    )
  })
  return program
}
