import { isDigest } from '../../oci/digest.ts'
import { ContentNotFoundError } from '../errors.ts'
import type { ContainerdConnection } from './connection.ts'
import { LOOKUP_TIMEOUT_MS } from './deadlines.ts'
import { Content, type Info } from './generated/content_pb.ts'
import type { ContentInfo, ContentService } from './services.ts'

/** Content over gRPC. What has a digest of a kind that we don't know is left out. */
export function createContentService(connection: ContainerdConnection): ContentService {
  const client = connection.client(Content)
  return {
    async *list({ signal }) {
      const pages = connection.stream({ call: 'list content', signal }, options => client.list({}, options))
      for await (const { info } of pages) {
        for (const entry of info) {
          const parsed = parseInfo(entry)
          if (parsed !== undefined) yield parsed
        }
      }
    },
    async info(digest, { signal }) {
      const call = { call: 'look up content', about: digest, signal, timeoutMs: LOOKUP_TIMEOUT_MS }
      const { info } = await connection.ask(call, options => client.info({ digest }, options))
      const parsed = info === undefined ? undefined : parseInfo(info)
      if (parsed === undefined) throw new ContentNotFoundError(digest)
      return parsed
    },
    async *read({ digest, offset, length }, { signal }) {
      // containerd takes a size of 0 for all that there is.
      if (length === 0) return
      const request = { digest, offset: BigInt(offset), size: BigInt(length) }
      const call = { call: 'read content', about: digest, signal }
      for await (const { data } of connection.stream(call, options => client.read(request, options))) {
        if (data.length > 0) yield data
      }
    },
  }
}

function parseInfo({ digest, size }: Info): ContentInfo | undefined {
  return isDigest(digest) ? { digest, size: Number(size) } : undefined
}
