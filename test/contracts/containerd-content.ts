import { createHash } from 'node:crypto'
import { readdirSync, statSync, utimesSync } from 'node:fs'
import { appendFile, mkdir, readdir, rename, rm, writeFile } from 'node:fs/promises'
import path from 'node:path'
import { type Digest, digestOf } from '../../src/oci/digest.ts'
import { blobPath } from '../../src/store/content-directory/content-files.ts'
import type { FixtureDownload } from './in-progress-contract.ts'

/** A download in a content directory, as containerd stages it. */
export interface StagedPull extends FixtureDownload {
  /** Path of one of its files. */
  file(name: string): string
}

/** A content directory that is written to as containerd does. */
export class ContainerdContent {
  readonly root: string
  #pulls = 0

  private constructor(root: string) {
    this.root = root
  }

  static async create(root: string): Promise<ContainerdContent> {
    for (const directory of ['blobs/sha256', 'ingest']) await mkdir(path.join(root, directory), { recursive: true })
    return new ContainerdContent(root)
  }

  blob(digest: Digest): string {
    return path.join(this.root, blobPath(digest))
  }

  /** Puts the content in place whole, whatever is staged of it. */
  async put(content: Buffer): Promise<Digest> {
    const digest = digestOf(content)
    const temporary = path.join(this.root, `${path.basename(this.blob(digest))}.part`)
    await writeFile(temporary, content)
    await rename(temporary, this.blob(digest))
    return digest
  }

  async remove(digest: Digest): Promise<void> {
    await rm(this.blob(digest))
  }

  /** Begins to pull a layer. containerd counts its downloads, so that each has a directory of its own. */
  async begin(digest: Digest, size: number, namespace = 'k8s.io'): Promise<StagedPull> {
    this.#pulls += 1
    const ref = `${namespace}/${this.#pulls}/layer-${digest}`
    const directory = path.join(this.root, 'ingest', createHash('sha256').update(ref).digest('hex'))
    const file = (name: string): string => path.join(directory, name)
    await mkdir(directory)
    await writeFile(file('ref'), ref)
    const now = new Date().toISOString()
    await writeFile(file('startedat'), now)
    await writeFile(file('updatedat'), now)
    await writeFile(file('total'), String(size))
    await writeFile(file('data'), '')
    return {
      file,
      append: chunk => appendFile(file('data'), chunk),
      commit: async () => {
        await rename(file('data'), this.blob(digest))
        await rm(directory, { recursive: true })
      },
      abort: () => rm(directory, { recursive: true }),
    }
  }

  /** How many downloads are staged. */
  async staged(): Promise<number> {
    return (await readdir(path.join(this.root, 'ingest'))).length
  }
}

/** Makes what is staged in the content directory at `root` look as if nothing had come for `ms`. */
export function ageIngests(root: string, ms: number): void {
  const ingests = path.join(root, 'ingest')
  for (const name of readdirSync(ingests)) {
    const data = path.join(ingests, name, 'data')
    const then = new Date(statSync(data).mtimeMs - ms)
    utimesSync(data, then, then)
  }
}
