import assert from 'node:assert/strict'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { test } from 'node:test'
import { ManualClock } from '../../test/fakes/manual-clock.ts'
import { serve } from '../../test/http/dispatch-rig.ts'
import type { BasicAuth } from '../http/basic-auth.ts'
import { BufferPool } from '../http/buffer-pool.ts'
import { createPooledPeerClient } from '../http/pooled-peer-client.ts'
import { digestOf } from '../oci/digest.ts'
import { claimsRoute } from '../registry/claims-route.ts'
import { systemClock } from '../routing/clock.ts'
import type { Peer } from '../routing/router.ts'
import { CLAIMS_PATH, type Claim, type ClaimAnswer, MAX_CLAIM_BYTES } from './claim.ts'
import { createClaimSender } from './claim-client.ts'
import { ClaimDesk } from './claim-desk.ts'
import { Coordinator } from './coordinator.ts'
import { ClaimUnsupportedError, InvalidClaimError } from './errors.ts'

const CLAIM: Claim = {
  node: 'claimant',
  digest: digestOf(Buffer.from('layer')),
  offset: 0,
  lost: [],
  stalled: [],
  behind: [],
  redirected: false,
}
const signal = AbortSignal.timeout(10_000)
const basicAuth: BasicAuth = { header: 'Basic good', verify: authorization => authorization === 'Basic good' }

/** Sends a claim to who listens at `port`. */
async function send(port: number, claim: Claim = CLAIM): Promise<ClaimAnswer> {
  const peerClient = createPooledPeerClient({ buffers: new BufferPool() }, { basicAuth })
  const coordinator: Peer = { id: 'coordinator', registry: { host: '127.0.0.1', port } }
  try {
    return await createClaimSender({ peerClient }).send(coordinator, claim, { signal })
  } finally {
    await peerClient.close()
  }
}

function say(response: ServerResponse, text: string, status = 200): void {
  response.writeHead(status, { 'content-length': text.length }).end(text)
}

/** A server that does what `answer` does. */
async function answering(answer: (request: IncomingMessage, response: ServerResponse) => void) {
  const server = createServer(answer)
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  const address = server.address()
  assert.ok(address !== null && typeof address === 'object')
  return {
    port: address.port,
    [Symbol.dispose]() {
      server.close()
      server.closeAllConnections()
    },
  }
}

test('a coordinator gets the claim, with the credentials of the mirror, and its answer is returned', async () => {
  const clock = new ManualClock()
  const coordinator = new Coordinator({ clock, isLive: () => true, closer: () => undefined })
  const members = { peerId: 'coordinator', find: () => undefined }
  await using at = await serve([
    claimsRoute({ desk: new ClaimDesk({ coordinator, clock }), members, clock: systemClock }, { basicAuth }),
  ])
  const { port } = at.server.address
  assert.deepEqual(await send(port), { outcome: 'granted' })
  assert.deepEqual(await send(port, { ...CLAIM, node: 'other' }), {
    outcome: 'follow',
    parents: ['claimant'],
    depth: 1,
  })
  assert.equal(coordinator.places, 2)
})

test('a claim says that it comes from a peer, and where its body ends', async () => {
  const asked = Promise.withResolvers<IncomingMessage>()
  using at = await answering((request, response) => {
    asked.resolve(request)
    say(response, '{"outcome":"refused"}')
  })
  assert.deepEqual(await send(at.port), { outcome: 'refused' })
  const { method, url, headers } = await asked.promise
  assert.deepEqual([method, url, headers['x-spegel-mirrored']], ['POST', CLAIMS_PATH, 'true'])
  assert.equal(Number(headers['content-length']), JSON.stringify(CLAIM).length)
})

for (const status of [404, 405, 501]) {
  test(`a node that answers ${status} takes no claims`, async () => {
    using at = await answering((_, response) => say(response, 'nothing here', status))
    await assert.rejects(send(at.port), ClaimUnsupportedError)
  })
}

for (const [what, answer] of [
  ['an error', response => say(response, '{"outcome":"granted"}', 500)],
  ['wrong credentials', response => say(response, '{"outcome":"granted"}', 403)],
  ['no JSON', response => say(response, 'granted')],
  ['an outcome that there is not', response => say(response, '{"outcome":"denied"}')],
  ['nobody to follow', response => say(response, '{"outcome":"follow","parents":[],"depth":1}')],
  [
    'more than is read',
    response => say(response, JSON.stringify({ outcome: 'granted', x: 'x'.repeat(MAX_CLAIM_BYTES) })),
  ],
] as const satisfies readonly (readonly [string, (response: ServerResponse) => void])[]) {
  test(`a node that answers with ${what} gives no answer to use`, async () => {
    using at = await answering((_, response) => answer(response))
    await assert.rejects(send(at.port), InvalidClaimError)
  })
}

test('a node that breaks off, or is not there, gives none either', async () => {
  const at = await answering((_, response) => {
    response.writeHead(200, { 'content-length': 21 })
    response.write('{"outcome"', () => response.destroy())
  })
  await assert.rejects(send(at.port), { code: 'PEER_BODY' })
  at[Symbol.dispose]()
  await assert.rejects(send(at.port), { code: 'PEER_CONNECT' })
})
