import { describe, test } from 'node:test'
import { admitted, exchange, found, freshKeys } from './both-ways.ts'
import { InteropMesh } from './mesh.ts'
import { unlessNamespaces } from './network.ts'

describe('stock @libp2p/kad-dht', { skip: unlessNamespaces() }, () => {
  test('a stock node and ours, which joined it, find what the other provides', async () => {
    await using mesh = await InteropMesh.create(2)
    const stock = await mesh.stock()
    const ours = await mesh.ours([stock])
    await admitted(ours, stock)
    await admitted(stock, ours)
    await exchange(stock, ours)
  })

  test('ours and a stock node that joined it find what the other provides', async () => {
    await using mesh = await InteropMesh.create(2)
    const ours = await mesh.ours()
    const stock = await mesh.stock()
    await stock.node.join(ours.identity.multiaddrs)
    await admitted(ours, stock)
    await admitted(stock, ours)
    await exchange(ours, stock)
  })

  test('in a mesh of both kinds everyone finds what anyone provided, also before others joined', async () => {
    await using mesh = await InteropMesh.create(4)
    const stock = await mesh.stock()
    const ours = await mesh.ours([stock])
    await admitted(stock, ours)
    const [oursKeys, stockKeys] = [freshKeys(20), freshKeys(3)]
    await ours.node.provide(oursKeys)
    await stock.node.provide(stockKeys)
    const lateStock = await mesh.stock()
    await lateStock.node.join(ours.identity.multiaddrs)
    const lateOurs = await mesh.ours([stock])
    for (const late of [lateStock, lateOurs]) {
      await found(late, ours, oursKeys)
      await found(late, stock, stockKeys)
    }
    await exchange(lateStock, lateOurs)
  })
})
