import { readFile } from 'node:fs/promises'
import path from 'node:path'

/** What a TLS client trusts and shows, in PEM. */
export interface TlsMaterial {
  readonly ca?: Buffer
  readonly cert?: Buffer
  readonly key?: Buffer
}

/**
 * Reads `ca.crt`, `tls.crt` and `tls.key` of a directory, as a Kubernetes secret is mounted. What is missing or empty is
 * left out: without `ca.crt` the system's authorities are trusted, without the others no certificate is shown.
 * @throws where a file is there but can't be read, or only one of `tls.crt` and `tls.key` is there
 */
export async function readTlsDirectory(directory: string): Promise<TlsMaterial> {
  const [ca, cert, key] = await Promise.all(
    ['ca.crt', 'tls.crt', 'tls.key'].map(name => readIfPresent(path.join(directory, name))),
  )
  if ((cert === undefined) !== (key === undefined)) {
    throw new Error(`${directory} has only one of tls.crt and tls.key: want both or none`)
  }
  return {
    ...(ca === undefined ? {} : { ca }),
    ...(cert === undefined ? {} : { cert }),
    ...(key === undefined ? {} : { key }),
  }
}

async function readIfPresent(file: string): Promise<Buffer | undefined> {
  try {
    const content = await readFile(file)
    return content.length === 0 ? undefined : content
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined
    throw error
  }
}
