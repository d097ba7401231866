import assert from 'node:assert/strict'
import { once } from 'node:events'
import net from 'node:net'
import path from 'node:path'
import process from 'node:process'
import { test } from 'node:test'
import { temporaryDirectory } from '../../../../test/temporary-directory.ts'
import { configOf, containerdProcess } from './containerd-process.ts'

for (const [args, expected] of [
  [['containerd'], undefined],
  [['containerd', '--config', '/a.toml'], '/a.toml'],
  [['containerd', '--config=/a.toml'], '/a.toml'],
  [['containerd', '-c', '/a.toml', '-a', '/run/a.sock'], '/a.toml'],
  [['containerd', '-config=/a=b.toml'], '/a=b.toml'],
  [['containerd', '--log-level', 'c'], undefined],
] as const) {
  test(`${args.join(' ')} has ${expected ?? 'no file of its own'}`, () => {
    assert.equal(configOf(args), expected)
  })
}

test('the process that listens at a socket is found, with its environment', {
  skip: process.platform !== 'linux',
}, async () => {
  await using directory = await temporaryDirectory()
  const socket = path.join(directory.path, 'containerd.sock')
  await using server = net.createServer()
  await once(server.listen(socket), 'listening')
  const found = await containerdProcess(socket)
  assert.equal(found?.env['PATH'], process.env['PATH'])
  assert.equal(await containerdProcess(path.join(directory.path, 'other.sock')), undefined)
})
