import assert from 'node:assert/strict'
import { once } from 'node:events'
import { symlink, writeFile } from 'node:fs/promises'
import net from 'node:net'
import path from 'node:path'
import { test } from 'node:test'
import { temporaryDirectory } from '../../../test/temporary-directory.ts'
import { isMountPoint, isNoSocket } from './socket-file.ts'

test('a mount is told from what is only in one, by any way to it', async () => {
  await using directory = await temporaryDirectory()
  const file = path.join(directory.path, 'file')
  await writeFile(file, '')
  await symlink('/proc', path.join(directory.path, 'link'))
  assert.equal(await isMountPoint('/proc'), true)
  assert.equal(await isMountPoint(path.join(directory.path, 'link')), true)
  assert.equal(await isMountPoint('/proc/self'), false)
  assert.equal(await isMountPoint(file), false)
})

test('what is not there is taken for a mount, and for a socket', async () => {
  assert.equal(await isMountPoint('/nonexistent/socket'), true)
  assert.equal(await isNoSocket('/nonexistent/socket'), false)
})

test('a socket is told from anything else', async () => {
  await using directory = await temporaryDirectory()
  const socket = path.join(directory.path, 'socket')
  const server = net.createServer()
  await once(server.listen(socket), 'listening')
  assert.equal(await isNoSocket(socket), false)
  assert.equal(await isNoSocket(directory.path), true)
  server.close()
})
