import { connect } from 'node:net'
import { type Client, createClient } from '@connectrpc/connect'
import { createGrpcTransport, Http2SessionManager } from '@connectrpc/connect-node'
import { ImageService } from './cri/cri_pb.ts'

const URL = 'http://localhost'

/** The image API that kubelet uses, at containerd's socket. It connects anew after a restart of containerd. */
export function criClient(socket: string): { readonly images: Client<typeof ImageService> } & Disposable {
  const sessionManager = new Http2SessionManager(URL, {}, { createConnection: () => connect(socket) })
  const transport = createGrpcTransport({ baseUrl: URL, sessionManager })
  return {
    images: createClient(ImageService, transport),
    [Symbol.dispose]: () => sessionManager.abort(),
  }
}
