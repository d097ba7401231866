import path from 'node:path'
import { replaceFile } from '../../files/replace-file.ts'
import type { Descriptor } from '../../oci/descriptor.ts'
import { isJsonObject } from '../../oci/json-object.ts'
import { OCI_INDEX } from '../../oci/media-type.ts'
import { formatReference, type Reference } from '../../oci/reference.ts'
import { readInside } from '../content-directory/content-files.ts'
import {
  IMAGE_NAME_ANNOTATION,
  INDEX_FILE,
  imageNames,
  MAX_INDEX_BYTES,
  parseIndexFields,
  REF_NAME_ANNOTATION,
} from './layout-index.ts'

/** An `index.json` without images. */
export const EMPTY_INDEX = `${JSON.stringify({ schemaVersion: 2, mediaType: OCI_INDEX, manifests: [] })}\n`

/** Adds images to the `index.json` of the layout at `root`. Changes are made one after the other. */
export class IndexWriter {
  readonly #root: string
  #last: Promise<void> = Promise.resolve()

  constructor(root: string) {
    this.#root = root
  }

  /**
   * Names the image of `descriptor`; the name moves where it is given already. All other entries and fields stay as they
   * are. Readers see the old file or the new one.
   * @throws {LayoutError} where what is there is no index
   */
  name(reference: Reference, descriptor: Descriptor): Promise<void> {
    const change = this.#last.then(() => this.#rewrite(reference, descriptor))
    // A failed change is reported to whoever asked for it and does not hold up the next one.
    this.#last = change.catch(() => {})
    return change
  }

  async #rewrite(reference: Reference, { mediaType, digest, size }: Descriptor): Promise<void> {
    const file = path.join(this.#root, INDEX_FILE)
    const content = await readInside(this.#root, INDEX_FILE, MAX_INDEX_BYTES)
    const { fields, entries } = parseIndexFields(content ?? Buffer.from(EMPTY_INDEX), file)
    const name = formatReference(reference)
    const annotations = {
      [IMAGE_NAME_ANNOTATION]: name,
      ...(reference.kind === 'tag' ? { [REF_NAME_ANNOTATION]: reference.tag } : {}),
    }
    const others = entries.filter(entry => !isJsonObject(entry) || !imageNames(entry).includes(name))
    const manifests = [...others, { mediaType, digest, size, annotations }]
    await replaceFile(file, `${JSON.stringify({ ...fields, manifests })}\n`)
  }
}
