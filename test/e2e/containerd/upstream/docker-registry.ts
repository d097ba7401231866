import { mkdir, writeFile } from 'node:fs/promises'
import path from 'node:path'
import { until } from '../../../until.ts'
import { ChildProgram } from '../child-program.ts'

/** Debian's own configuration wants a password file. */
function configuration(storage: string, address: string): string {
  return `version: 0.1
log: {level: warn, accesslog: {disabled: true}}
storage: {filesystem: {rootdirectory: ${storage}}, delete: {enabled: true}}
http: {addr: "${address}"}
`
}

/** Starts Debian's registry on `address` with its files in `directory`. */
export async function startDockerRegistry(directory: string, address: string): Promise<ChildProgram> {
  await mkdir(directory, { recursive: true })
  const file = path.join(directory, 'registry.yml')
  await writeFile(file, configuration(path.join(directory, 'storage'), address))
  const registry = ChildProgram.start('docker-registry', ['docker-registry', 'serve', file])
  await until(async () => {
    registry.assertRunning()
    return await fetch(`http://${address}/v2/`).then(
      response => response.ok,
      () => false,
    )
  })
  return registry
}
