import assert from 'node:assert/strict'
import { open } from 'node:fs/promises'
import path from 'node:path'
import { blobPath } from '../../src/store/content-directory/content-files.ts'
import type { RegistryProcess } from '../integration/registry-process.ts'
import type { SharedImage } from '../integration/shared-image.ts'
import { until } from '../until.ts'

/** Changes one byte of the layer that `node` has at `layout`, and fails unless the node finds out once it has served it. */
export async function assertFindsDamage(node: RegistryProcess, layout: string, image: SharedImage): Promise<void> {
  const { layer, reference } = image
  const file = await open(path.join(layout, blobPath(layer.digest)), 'r+')
  const byte = Buffer.alloc(1)
  await file.read(byte, 0, 1, layer.size - 1)
  await file.write(Buffer.of((byte[0] ?? 0) ^ 1), 0, 1, layer.size - 1)
  await file.close()
  const url = `${node.url}/v2/${reference.repository}/blobs/${layer.digest}?ns=${reference.registry}`
  const first = await fetch(url)
  assert.equal(first.status, 200)
  assert.equal((await first.arrayBuffer()).byteLength, layer.size)
  await until(async () => (await fetch(url, { method: 'HEAD' })).status === 404)
  const metrics = await (await fetch(`${node.metricsUrl}/metrics`)).text()
  // Twice where it was being hashed at the moment of the change.
  const [, found] = /^spegel_corrupt_content_total (\d+)$/m.exec(metrics) ?? []
  assert.ok(found === '1' || found === '2', `found ${found} times`)
}
