import type { ContainerdConnection } from './connection.ts'
import { LOOKUP_TIMEOUT_MS } from './deadlines.ts'
import { Introspection } from './generated/introspection_pb.ts'
import { Namespaces } from './generated/namespaces_pb.ts'
import { Version } from './generated/version_pb.ts'
import type { IntrospectionService } from './services.ts'

/** containerd's own store of content; others are proxies that have no directory. */
const CONTENT_PLUGIN = 'type==io.containerd.content.v1,id==content'

/** What containerd says of itself, over gRPC. */
export function createIntrospectionService(connection: ContainerdConnection): IntrospectionService {
  const version = connection.client(Version)
  const introspection = connection.client(Introspection)
  const namespaces = connection.client(Namespaces)
  return {
    async version({ signal }) {
      const call = { call: 'tell its version', signal, timeoutMs: LOOKUP_TIMEOUT_MS }
      return (await connection.ask(call, options => version.version({}, options))).version
    },
    async contentDirectory({ signal }) {
      const call = { call: 'tell of its plugins', signal, timeoutMs: LOOKUP_TIMEOUT_MS }
      const filters = [CONTENT_PLUGIN]
      const { plugins } = await connection.ask(call, options => introspection.plugins({ filters }, options))
      return plugins[0]?.exports['root']
    },
    async namespaces({ signal }) {
      const call = { call: 'list namespaces', signal, timeoutMs: LOOKUP_TIMEOUT_MS }
      const answer = await connection.ask(call, options => namespaces.list({}, options))
      return answer.namespaces.map(({ name }) => name)
    },
  }
}
