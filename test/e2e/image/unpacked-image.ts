import { mkdir, readFile } from 'node:fs/promises'
import path from 'node:path'
import { run } from '../program.ts'

interface LayoutDescriptor {
  readonly digest: string
  readonly size: number
}

/** An image of an OCI layout, unpacked. */
export interface UnpackedImage {
  readonly digest: string
  /** Of the manifest, the config and the layers as they travel. */
  readonly compressedBytes: number
  readonly rootfs: string
  readonly entrypoint: readonly string[]
  readonly env: readonly string[]
  readonly user: string
  readonly labels: Readonly<Record<string, string>>
}

async function readJson<T>(file: string): Promise<T> {
  return JSON.parse(await readFile(file, 'utf8'))
}

/** Unpacks the one image of `layout`, whose layers only add files, into `rootfs`. */
export async function unpackImage(layout: string, rootfs: string): Promise<UnpackedImage> {
  const blob = (digest: string): string => path.join(layout, 'blobs', digest.replace(':', '/'))
  const index = await readJson<{ manifests: readonly [LayoutDescriptor] }>(path.join(layout, 'index.json'))
  const [{ digest, size }] = index.manifests
  const manifest = await readJson<{ config: LayoutDescriptor; layers: readonly LayoutDescriptor[] }>(blob(digest))
  const { config } = await readJson<{
    config: { Entrypoint: string[]; Env?: string[]; User: string; Labels: Record<string, string> }
  }>(blob(manifest.config.digest))
  await mkdir(rootfs, { recursive: true })
  for (const layer of manifest.layers) await run('tar', ['-xzf', blob(layer.digest), '-C', rootfs])
  return {
    digest,
    compressedBytes: [manifest.config, ...manifest.layers].reduce((sum, part) => sum + part.size, size),
    rootfs,
    entrypoint: config.Entrypoint,
    env: config.Env ?? [],
    user: config.User,
    labels: config.Labels,
  }
}
