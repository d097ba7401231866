import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { mkdir, writeFile } from 'node:fs/promises'
import path from 'node:path'
import { test } from 'node:test'
import { temporaryDirectory } from '../../../test/temporary-directory.ts'
import { loadTrust, type Trust } from './trust.ts'

const SECRET = 'a secret of many characters'

/** What is read where `secret` is the content of the file, and `credentials` are given beside. */
async function trustIn(secret: string | Buffer | undefined, credentials?: readonly [string, string]): Promise<Trust> {
  await using directory = await temporaryDirectory()
  const clusterSecretFile = secret === undefined ? undefined : path.join(directory.path, 'secret')
  if (clusterSecretFile !== undefined && secret !== undefined) await writeFile(clusterSecretFile, secret)
  const basicAuthDir = path.join(directory.path, 'basic-auth')
  if (credentials !== undefined) {
    await mkdir(basicAuthDir)
    await writeFile(path.join(basicAuthDir, 'username'), credentials[0])
    await writeFile(path.join(basicAuthDir, 'password'), credentials[1])
  }
  return await loadTrust({ clusterSecretFile, basicAuthDir })
}

const hex = (trust: Trust): string => Buffer.from(trust.networkKey ?? []).toString('hex')
const userAndPassword = ({ basicAuth }: Trust): string =>
  Buffer.from(basicAuth?.header.slice('Basic '.length) ?? '', 'base64').toString()

test('without a secret and credentials the mesh is open', async () => {
  assert.deepEqual(await trustIn(undefined), {})
})

test('a secret yields a key for the network and other credentials for mirrors, today and in the next release', async () => {
  const trust = await trustIn(SECRET)
  assert.equal(hex(trust), '9d3cc0c15c9dc1a128b5eba589202dd3df2f3d876aaa8ac5279f4d67734c8d23')
  assert.equal(userAndPassword(trust), 'spegel:9qzrlTaNd9qZRAHe5c-fKo45r5RApVJ8NzOsLCZ0qTw')
})

test('white space around the secret does not count, and every other byte does', async () => {
  const key = hex(await trustIn(SECRET))
  assert.equal(hex(await trustIn(`\n${SECRET} \r\n`)), key)
  const bytes = Buffer.from([0xff, 0xfe, 0, ...Buffer.from(SECRET)])
  const others = [`${SECRET}x`, SECRET.toUpperCase(), bytes, Buffer.from(bytes).fill(0xfd, 1, 2)]
  const keys = await Promise.all(others.map(async other => hex(await trustIn(other))))
  assert.equal(new Set([key, ...keys]).size, others.length + 1)
})

test('credentials that are given by themselves win over those of the secret, which still keys the network', async () => {
  const trust = await trustIn(SECRET, ['node', 'password'])
  assert.equal(userAndPassword(trust), 'node:password')
  assert.equal(hex(trust), hex(await trustIn(SECRET)))
  assert.equal(hex(await trustIn(undefined, ['node', 'password'])), '')
})

for (const { name, content, reason } of [
  { name: 'empty', content: '', reason: 'is empty' },
  { name: 'blank', content: ' \n\t\n', reason: 'is empty' },
  { name: 'short', content: '123456789012345\n', reason: 'is too short' },
  { name: 'huge', content: 'x'.repeat(4097), reason: 'cannot be read' },
]) {
  test(`a secret that is ${name} is refused in one line that names the file`, async () => {
    await assert.rejects(trustIn(content), (error: Error & { code?: string }) => {
      assert.equal(error.code, 'CLUSTER_SECRET')
      const [, said] =
        /^--cluster-secret-file \/.+\/secret (.+): want 16 to 4096 bytes, the same on every node$/.exec(
          error.message,
        ) ?? []
      assert.equal(said, reason)
      return true
    })
  })
}

test('a file that is not there, a directory and a pipe are refused too: the node does not open instead', async () => {
  await using directory = await temporaryDirectory()
  const basicAuthDir = path.join(directory.path, 'none')
  const pipe = path.join(directory.path, 'pipe')
  execFileSync('mkfifo', [pipe])
  for (const clusterSecretFile of [path.join(directory.path, 'missing'), directory.path, pipe]) {
    await assert.rejects(loadTrust({ clusterSecretFile, basicAuthDir }), { code: 'CLUSTER_SECRET' })
  }
})
