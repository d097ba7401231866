import { readFile, rename, rm, writeFile } from 'node:fs/promises'
import path from 'node:path'
import { type Digest, digestOf } from '../../src/oci/digest.ts'
import { isJsonObject, parseJsonObject } from '../../src/oci/json-object.ts'
import { fingerprintMediaType } from '../../src/oci/media-type.ts'
import { formatReference, type TagReference } from '../../src/oci/reference.ts'
import { blobPath } from '../../src/store/content-directory/content-files.ts'
import { imageNames } from '../../src/store/oci-layout/layout-index.ts'
import { LayoutWriter } from '../../src/store/oci-layout/layout-writer.ts'
import type { StagedDownload } from '../../src/store/oci-layout/staged-download.ts'
import { patience } from './store-contract.ts'

/** A hand on the content and names of one layout on disk. */
export class LayoutHand {
  readonly root: string
  readonly writer: LayoutWriter

  constructor(root: string, writer: LayoutWriter) {
    this.root = root
    this.writer = writer
  }

  static async open(root: string): Promise<LayoutHand> {
    return new LayoutHand(root, await LayoutWriter.open(root))
  }

  blob(digest: Digest): string {
    return path.join(this.root, blobPath(digest))
  }

  begin(digest: Digest, size: number): Promise<StagedDownload> {
    return this.writer.begin({ digest, size }, { signal: patience() })
  }

  /** Puts the content in place whole, whatever is staged of it. */
  async put(content: Buffer): Promise<Digest> {
    const digest = digestOf(content)
    const temporary = `${this.blob(digest)}.part`
    await writeFile(temporary, content)
    await rename(temporary, this.blob(digest))
    return digest
  }

  async tag(reference: TagReference, digest: Digest): Promise<void> {
    const content = await readFile(this.blob(digest))
    const descriptor = { digest, size: content.length, mediaType: fingerprintMediaType(content) }
    await this.writer.name(reference, descriptor, { signal: patience() })
  }

  async untag(reference: TagReference): Promise<void> {
    const name = formatReference(reference)
    const file = path.join(this.root, 'index.json')
    const index = parseJsonObject(await readFile(file))
    const entries: unknown[] = Array.isArray(index['manifests']) ? index['manifests'] : []
    const manifests = entries.filter(entry => !isJsonObject(entry) || !imageNames(entry).includes(name))
    await writeFile(`${file}.part`, JSON.stringify({ ...index, manifests }))
    await rename(`${file}.part`, file)
  }

  async remove(digest: Digest): Promise<void> {
    await rm(this.blob(digest))
  }
}
