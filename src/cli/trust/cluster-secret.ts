import { hkdfSync } from 'node:crypto'
import { readBoundedFile } from '../../files/read-bounded-file.ts'
import { type BasicAuth, createBasicAuth } from '../../http/basic-auth.ts'

/** Whoever records a connection may guess at its leisure; a random secret of this length is beyond guessing. */
const MIN_SECRET_BYTES = 16
const MAX_SECRET_BYTES = 4096
const KEY_BYTES = 32
/** Names what is made of the secret. Another text yields another key: nodes of two releases would not know each other. */
const PURPOSE = { networkKey: 'spegel/1 private network', password: 'spegel/1 mirror password' } as const
const USERNAME = 'spegel'

/** What the nodes of a closed mesh share. */
export interface ClusterSecret {
  /** Of libp2p's private network, 32 bytes. */
  readonly networkKey: Uint8Array
  /** Of the mirrors. It does not tell {@link networkKey}: clients that pull can't join. */
  readonly basicAuth: BasicAuth
}

/** The file of the cluster secret holds none that can be used. Without it this node would be open, so it does not start. */
class ClusterSecretError extends Error {
  readonly code = 'CLUSTER_SECRET'

  constructor(file: string, reason: string, options?: ErrorOptions) {
    const want = `${MIN_SECRET_BYTES} to ${MAX_SECRET_BYTES} bytes, the same on every node`
    super(`--cluster-secret-file ${file} ${reason}: want ${want}`, options)
    this.name = 'ClusterSecretError'
  }
}

/**
 * Derives what a node needs from the secret in `file`. White space around it does not count: editors end a file with some.
 * @throws {ClusterSecretError} where there is no such file, or nothing in it that can be a secret
 */
export async function loadClusterSecret(file: string): Promise<ClusterSecret> {
  let content: Buffer | undefined
  try {
    content = await readBoundedFile(file, MAX_SECRET_BYTES)
  } catch (error) {
    throw new ClusterSecretError(file, 'cannot be read', { cause: error })
  }
  if (content === undefined) throw new ClusterSecretError(file, 'does not exist')
  // One character for each byte, so that any bytes are as good a secret.
  const secret = Buffer.from(content.toString('latin1').trim(), 'latin1')
  if (secret.length === 0) throw new ClusterSecretError(file, 'is empty')
  if (secret.length < MIN_SECRET_BYTES) throw new ClusterSecretError(file, 'is too short')
  return {
    networkKey: derive(secret, PURPOSE.networkKey),
    basicAuth: createBasicAuth({
      username: USERNAME,
      password: derive(secret, PURPOSE.password).toString('base64url'),
    }),
  }
}

function derive(secret: Buffer, purpose: string): Buffer {
  return Buffer.from(hkdfSync('sha256', secret, '', purpose, KEY_BYTES))
}
