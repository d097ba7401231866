import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setImmediate } from 'node:timers/promises'
import { ScriptedKadPeer } from '../../../test/routing/scripted-kad-peer.ts'
import { KAD_PROTOCOL } from './node.ts'

/** What a multiplexer writes to. */
interface Inside {
  readonly muxer: { readonly maConn: { writeStatus: string } }
}

test('a stream that is opened on a connection which is about to close fails, and the process goes on', async () => {
  await using from = await ScriptedKadPeer.start({ host: '127.0.0.1' })
  await using to = await ScriptedKadPeer.start({ host: '127.0.0.2' })
  const connection = await from.connect(to.endpoint)
  const { muxer } = connection as unknown as Inside
  muxer.maConn.writeStatus = 'closed'
  const opening = connection.newStream(KAD_PROTOCOL)
  await setImmediate()
  connection.abort(new Error('closed'))
  await assert.rejects(opening)
})
