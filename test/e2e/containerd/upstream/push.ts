import type { Part } from './generated-image.ts'

export interface PushTarget {
  /** Base URL of the registry. */
  readonly url: string
  readonly repository: string
}

/** Uploads a blob in one piece. */
export async function pushBlob({ url, repository }: PushTarget, { content, digest }: Part): Promise<void> {
  const begun = await fetch(`${url}/v2/${repository}/blobs/uploads/`, { method: 'POST' })
  const location = new URL(begun.headers.get('location') ?? '', url)
  location.searchParams.set('digest', digest)
  const headers = { 'content-type': 'application/octet-stream' }
  await expectCreated(await fetch(location, { method: 'PUT', headers, body: new Uint8Array(content) }))
}

/** Uploads a manifest or index under a tag, or its digest. */
export async function pushManifest(
  { url, repository }: PushTarget,
  { content, mediaType }: Part,
  reference: string,
): Promise<void> {
  const headers = { 'content-type': mediaType }
  const target = `${url}/v2/${repository}/manifests/${reference}`
  await expectCreated(await fetch(target, { method: 'PUT', headers, body: new Uint8Array(content) }))
}

async function expectCreated(response: Response): Promise<void> {
  if (response.status !== 201) throw new Error(`registry answered ${response.status}: ${await response.text()}`)
}
