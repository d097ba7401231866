import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setImmediate } from 'node:timers/promises'
import type { MessageStream, StreamMuxer } from '@libp2p/interface'
import { until } from '../../../test/until.ts'
import { gatherFrames } from './gathered-frames.ts'

const ROOM = Uint8Array.of(0, 1, 0, 0, 0, 0, 0, 1, 0, 0, 0, 9)
const OPENING = Uint8Array.of(0, 1, 0, 1, 0, 0, 0, 1, 0, 0, 0, 9)
const PING = Uint8Array.of(0, 2, 0, 1, 0, 0, 0, 0, 0, 0, 0, 1)

/** A connection as a multiplexer sees it, that notes the messages written to it. */
class NotedConnection extends EventTarget {
  readonly messages: number[][] = []
  readonly events: string[] = []
  writableNeedsDrain = false

  send(data: Uint8Array): boolean {
    this.messages.push([...data])
    this.events.push('sent')
    return true
  }

  async close(): Promise<void> {
    this.events.push('closed')
  }
}

function gather() {
  const noted = new NotedConnection()
  const connection = noted as unknown as MessageStream
  gatherFrames(() => ({ protocol: '/test', createStreamMuxer: () => ({}) as StreamMuxer }))({}).createStreamMuxer(
    connection,
  )
  return { noted, connection }
}

test('frames of one moment become one message, in order', async () => {
  const { noted, connection } = gather()
  for (const frame of [PING, ROOM, OPENING]) connection.send(frame)
  assert.deepEqual(noted.messages, [])
  await Promise.resolve()
  assert.deepEqual(noted.messages, [[...PING, ...ROOM, ...OPENING]])
})

test('a frame that only grants room waits for the next one, but not for long', async () => {
  const { noted, connection } = gather()
  connection.send(ROOM)
  await Promise.resolve()
  assert.deepEqual(noted.messages, [])
  connection.send(PING)
  await Promise.resolve()
  assert.deepEqual(noted.messages, [[...ROOM, ...PING]])
  connection.send(ROOM)
  await until(() => noted.messages.length === 2)
  assert.deepEqual(noted.messages[1], [...ROOM])
})

test('a frame that only grants room is written at once where the room adds up', async () => {
  const { noted, connection } = gather()
  const half = Uint8Array.of(0, 1, 0, 0, 0, 0, 0, 1, 0, 0, 0x80, 0)
  connection.send(half)
  assert.deepEqual(noted.messages, [])
  connection.send(half)
  assert.deepEqual(noted.messages, [[...half, ...half]])
  connection.send(half)
  assert.equal(noted.messages.length, 1)
})

test('much is written at once, and who writes hears whether the connection takes more', () => {
  const { noted, connection } = gather()
  assert.equal(connection.send(new Uint8Array(70_000)), true)
  assert.equal(noted.messages[0]?.length, 70_000)
  noted.writableNeedsDrain = true
  assert.equal(connection.send(PING), false)
})

test('what waits is written before the connection is closed, and nothing after it has', async () => {
  const { noted, connection } = gather()
  connection.send(ROOM)
  await connection.close()
  assert.deepEqual(noted.events, ['sent', 'closed'])
  connection.send(PING)
  noted.dispatchEvent(new Event('close'))
  await setImmediate()
  assert.deepEqual(noted.events, ['sent', 'closed'])
})
