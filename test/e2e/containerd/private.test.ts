import assert from 'node:assert/strict'
import { e2e } from './e2e.ts'

const auth = { username: 'somebody', password: 'swordfish' }
const NOT_TO_BE_SEEN = [
  auth.password,
  Buffer.from(`${auth.username}:${auth.password}`).toString('base64'),
  'authorization',
]

e2e('credentials for a private registry never reach the mirror', { nodes: 2, record: true }, async cluster => {
  const { upstream, nodes } = cluster
  const [a, b] = nodes
  const image = await upstream.push()
  upstream.requireCredentials(auth)
  await a.pull(image.name, { auth })
  await b.finds(image)
  upstream.forget()
  await b.pull(image.name, { auth })
  await b.assertHolds(image)
  assert.equal(upstream.requests.length, 0)
  // Gone from its only holder, and so asked for with the password again.
  await a.remove(image.name)
  await b.remove(image.name)
  await b.pull(image.name, { auth })
  for (const digest of image.contents.keys()) assert.equal(upstream.requestsOf(digest).at(-1)?.status, 200)
  for (const node of nodes) {
    const sent = (await node.recorded()).toLowerCase()
    assert.match(sent, /^head \/v2\/team\/app\/manifests\/v1\?ns=registry\.test /)
    for (const secret of NOT_TO_BE_SEEN) assert.ok(!sent.includes(secret.toLowerCase()))
    for (const secret of NOT_TO_BE_SEEN) assert.ok(!node.spegel.program.output.includes(secret))
  }
})
