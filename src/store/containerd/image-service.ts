import type { Descriptor } from '../../oci/descriptor.ts'
import { isDigest } from '../../oci/digest.ts'
import { isMediaType, OCTET_STREAM } from '../../oci/media-type.ts'
import { ContentNotFoundError } from '../errors.ts'
import type { ContainerdConnection } from './connection.ts'
import { LIST_TIMEOUT_MS, LOOKUP_TIMEOUT_MS } from './deadlines.ts'
import { type Image, Images } from './generated/images_pb.ts'
import type { ImageRecord, ImageService } from './services.ts'

/** Images over gRPC. Records that point at nothing with a digest we know are left out: their content can't be served. */
export function createImageService(connection: ContainerdConnection): ImageService {
  const client = connection.client(Images)
  return {
    async list({ signal }) {
      const call = { call: 'list images', signal, timeoutMs: LIST_TIMEOUT_MS }
      const { images } = await connection.ask(call, options => client.list({}, options))
      return images.flatMap(image => parseImage(image) ?? [])
    },
    async get(name, { signal }) {
      const call = { call: 'get an image', about: name, signal, timeoutMs: LOOKUP_TIMEOUT_MS }
      const { image } = await connection.ask(call, options => client.get({ name }, options))
      const record = image === undefined ? undefined : parseImage(image)
      if (record === undefined) throw new ContentNotFoundError(name)
      return record
    },
  }
}

function parseImage({ name, target }: Image): ImageRecord | undefined {
  if (target === undefined || !isDigest(target.digest)) return undefined
  const { digest, mediaType } = target
  const descriptor: Descriptor = {
    digest,
    size: Number(target.size),
    mediaType: isMediaType(mediaType) ? mediaType : OCTET_STREAM,
  }
  return { name, target: descriptor }
}
