import assert from 'node:assert/strict'
import { once } from 'node:events'
import http from 'node:http'
import type { AddressInfo } from 'node:net'
import { test } from 'node:test'
import { MemoryLog } from '../../../test/fakes/memory-log.ts'
import { freePorts } from '../../../test/free-ports.ts'
import { until } from '../../../test/until.ts'
import { waitForCleanup } from './wait-for-cleanup.ts'

const PERIOD_MS = 5

/** A node that answers probes with the statuses given, then with the last of them; with none of them where there are none. */
async function node(host: string, port: number, statuses: readonly number[]) {
  const paths: (string | undefined)[] = []
  const server = http.createServer((request, response) => {
    response.statusCode = statuses[Math.min(paths.length, statuses.length - 1)] ?? 200
    paths.push(request.url)
    if (statuses.length > 0) response.end('body')
  })
  server.listen(port, host)
  await once(server, 'listening')
  return {
    paths,
    port: (server.address() as AddressInfo).port,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections()
      server.close()
      await once(server, 'close')
    },
  }
}

function wait(port: number, lookup: () => Promise<readonly string[]>, signal = new AbortController().signal) {
  const log = new MemoryLog()
  const probeEndpoint = { host: 'cleanup.example', port }
  const done = waitForCleanup({ log }, { probeEndpoint, threshold: 3, periodMs: PERIOD_MS, signal, lookup })
  return { done, log }
}

const SUCCESS = 'every address has answered'
const FAILURE = 'cleanup is not done'

test('every address must answer, three times in a row', async () => {
  const { registry: port } = await freePorts()
  await using one = await node('127.0.0.1', port, [200])
  await using two = await node('127.0.0.2', port, [200, 200, 503, 200])
  const { done, log } = wait(port, async () => ['127.0.0.1', '127.0.0.2'])
  await done
  assert.deepEqual(
    log.lines.map(({ message }) => message),
    [SUCCESS, SUCCESS, FAILURE, SUCCESS, SUCCESS, SUCCESS],
  )
  assert.match(String(log.lines[2]?.fields['error']), new RegExp(`127.0.0.2:${port} answers 503`))
  assert.deepEqual(new Set([...one.paths, ...two.paths]), new Set(['/readyz']))
  assert.equal(two.paths.length, 6)
})

test('a node that appears late is waited for', async () => {
  const { registry: port } = await freePorts()
  await using _ = await node('127.0.0.1', port, [200])
  let lookups = 0
  const { done, log } = wait(port, async () => (++lookups < 3 ? ['127.0.0.1'] : ['127.0.0.1', '127.0.0.2']))
  await until(() => log.lines.filter(({ message }) => message === FAILURE).length > 1)
  await using two = await node('127.0.0.2', port, [200])
  await done
  assert.equal(two.paths.length, 3)
})

test('a name that can’t be looked up, or has no address, counts as not done', async () => {
  const answers: (() => readonly string[])[] = [
    () => {
      throw Object.assign(new Error('ENOTFOUND'), { code: 'ENOTFOUND' })
    },
    () => [],
  ]
  await using one = await node('127.0.0.1', 0, [200])
  const { done, log } = wait(one.port, async () => answers.shift()?.() ?? ['127.0.0.1'])
  await done
  assert.deepEqual(
    log.lines.map(({ message }) => message),
    [FAILURE, FAILURE, SUCCESS, SUCCESS, SUCCESS],
  )
})

test('an IP address is not looked up', async () => {
  await using one = await node('::1', 0, [200])
  const { signal } = new AbortController()
  const options = { probeEndpoint: { host: '::1', port: one.port }, threshold: 1, periodMs: PERIOD_MS, signal }
  await waitForCleanup({ log: new MemoryLog() }, { ...options, lookup: () => Promise.reject(new Error('looked up')) })
})

test('waiting ends with its signal, between two probes and within one', async () => {
  for (const statuses of [[503], []]) {
    await using one = await node('127.0.0.1', 0, statuses)
    const stop = new AbortController()
    const { done } = wait(one.port, async () => ['127.0.0.1'], stop.signal)
    const rejected = assert.rejects(done, { name: 'AbortError' })
    await until(() => one.paths.length > 0)
    stop.abort()
    await rejected
  }
})
