import { existsSync } from 'node:fs'
import path from 'node:path'
import process from 'node:process'
import { test } from 'node:test'
import { freePorts } from '../free-ports.ts'
import { RegistryProcess } from '../integration/registry-process.ts'
import { writeSharedImage } from '../integration/shared-image.ts'
import { temporaryDirectory } from '../temporary-directory.ts'
import { assertFindsDamage } from './damaged-layer.ts'

const BUNDLE = path.resolve(import.meta.dirname, '../../dist/spegel.js')
const skip = existsSync(BUNDLE) ? false : 'dist/spegel.js is not built'

// Its thread has no file of its own to be loaded from.
test('the bundle hashes what it has served, and no longer serves what is damaged', { skip }, async () => {
  await using scratch = await temporaryDirectory()
  const layout = path.join(scratch.path, 'layout')
  const image = await writeSharedImage([layout], 2_000_000)
  await using node = RegistryProcess.start({
    host: '127.0.0.1',
    ports: await freePorts(),
    layout,
    peers: [],
    within: ([, , ...args]) => [process.execPath, BUNDLE, ...args],
  })
  await node.ready()
  await assertFindsDamage(node, layout, image)
})
