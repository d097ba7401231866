import { routerContract } from '../contracts/router-contract.ts'
import { MemoryMesh } from './memory-router.ts'

routerContract('MemoryRouter', async () => {
  const mesh = new MemoryMesh()
  let nodes = 0
  return {
    async join() {
      nodes += 1
      const self = { id: `node-${nodes}`, registry: { host: `127.0.0.${nodes}`, port: 5000 } }
      const router = mesh.join(self)
      return { self, router, leave: () => router[Symbol.asyncDispose]() }
    },
    async [Symbol.asyncDispose]() {},
  }
})
