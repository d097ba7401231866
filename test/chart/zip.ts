import { inflateRawSync } from 'node:zlib'

const END_SIGNATURE = 0x06054b50
const END_BYTES = 22
const DEFLATED = 8

/**
 * The file `name` of a zip archive.
 * @throws {Error} there is none
 * @see https://pkware.cachefly.net/webdocs/casestudies/APPNOTE.TXT
 */
export function unzip(archive: Buffer, name: string): Buffer {
  let end = archive.length - END_BYTES
  while (end > 0 && archive.readUInt32LE(end) !== END_SIGNATURE) end -= 1
  let entry = archive.readUInt32LE(end + 16)
  for (let left = archive.readUInt16LE(end + 10); left > 0; left -= 1) {
    const nameBytes = archive.readUInt16LE(entry + 28)
    const extraBytes = archive.readUInt16LE(entry + 30) + archive.readUInt16LE(entry + 32)
    if (archive.toString('utf8', entry + 46, entry + 46 + nameBytes) === name) return content(archive, entry)
    entry += 46 + nameBytes + extraBytes
  }
  throw new Error(`the archive has no ${name}`)
}

/** Of the file whose entry in the central directory is at `entry`. */
function content(archive: Buffer, entry: number): Buffer {
  const local = archive.readUInt32LE(entry + 42)
  const start = local + 30 + archive.readUInt16LE(local + 26) + archive.readUInt16LE(local + 28)
  const packed = archive.subarray(start, start + archive.readUInt32LE(entry + 20))
  return archive.readUInt16LE(entry + 10) === DEFLATED ? inflateRawSync(packed) : packed
}
