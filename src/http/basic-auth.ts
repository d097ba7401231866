import { createHash, timingSafeEqual } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import path from 'node:path'

/** The scheme is case-insensitive; what follows it is base64. */
const BASIC = /^basic +([a-z0-9+/=]+)$/i

/** Credentials that the nodes of a mirror share. */
export interface BasicAuth {
  /** Value of the `Authorization` header for requests to peers. */
  readonly header: string
  /** Whether an `Authorization` header carries these credentials. The time it takes does not depend on what it holds. */
  verify(authorization: string | undefined): boolean
}

/**
 * Reads credentials from the files `username` and `password` in `directory`; undefined where there are none. As with Go
 * Spegel, every byte of the files counts, and is what peers are sent. Files made with an editor end in a newline which
 * people don't type, so credentials without it are accepted too.
 * @throws where a file is there but can't be read
 */
export async function loadBasicAuth(directory: string): Promise<BasicAuth | undefined> {
  const [username, password] = await Promise.all([
    readIfPresent(path.join(directory, 'username')),
    readIfPresent(path.join(directory, 'password')),
  ])
  return username === '' && password === '' ? undefined : createBasicAuth({ username, password })
}

/** Credentials as they are known to the nodes; they are accepted without a final newline of either part, too. */
export function createBasicAuth({ username, password }: { username: string; password: string }): BasicAuth {
  const exact = `${username}:${password}`
  const accepted = [exact, `${withoutNewline(username)}:${withoutNewline(password)}`].map(sha256)
  return {
    header: `Basic ${Buffer.from(exact).toString('base64')}`,
    verify: authorization => {
      const given = sha256(Buffer.from(BASIC.exec(authorization ?? '')?.[1] ?? '', 'base64'))
      return accepted.filter(hash => timingSafeEqual(hash, given)).length > 0
    },
  }
}

async function readIfPresent(file: string): Promise<string> {
  try {
    return await readFile(file, 'utf8')
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return ''
    throw error
  }
}

function withoutNewline(text: string): string {
  return text.replace(/\r?\n$/, '')
}

function sha256(content: string | Uint8Array): Buffer {
  return createHash('sha256').update(content).digest()
}
