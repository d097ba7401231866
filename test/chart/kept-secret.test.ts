import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer } from 'node:http'
import { describe, test } from 'node:test'
import { CHART, helm, unlessHelm } from './helm.ts'
import { type KubernetesObject, objectNamed, parseObjects, RELEASE, render } from './render.ts'

const SECRET = 'spegel-cluster'
const MADE_EARLIER = Buffer.from('of an earlier release').toString('base64')

const APPS = { groupVersion: 'apps/v1', version: 'v1' }

function resourcesOf(groupVersion: string, kinds: readonly string[]) {
  const common = { namespaced: true, verbs: ['get', 'list', 'create'] }
  const resources = kinds.map(kind => ({ ...common, kind, name: `${kind.toLowerCase()}s` }))
  return { kind: 'APIResourceList', apiVersion: 'v1', groupVersion, resources }
}

/** An API server that has the Secret with this data, as far as helm asks for it. */
async function apiServer(data: Readonly<Record<string, string>> | undefined) {
  // Without these helm takes it for someone else's.
  const annotations = { 'meta.helm.sh/release-name': RELEASE.name, 'meta.helm.sh/release-namespace': RELEASE.namespace }
  const labels = { 'app.kubernetes.io/managed-by': 'Helm' }
  const metadata = { name: SECRET, namespace: RELEASE.namespace, labels, annotations }
  const answers: Readonly<Record<string, unknown>> = {
    '/version': { major: '1', minor: '35', gitVersion: 'v1.35.0' },
    '/api': { kind: 'APIVersions', versions: ['v1'] },
    '/apis': {
      kind: 'APIGroupList',
      apiVersion: 'v1',
      groups: [{ name: 'apps', versions: [APPS], preferredVersion: APPS }],
    },
    '/api/v1': resourcesOf('v1', ['Secret', 'Service', 'ServiceAccount', 'Pod']),
    '/apis/apps/v1': resourcesOf('apps/v1', ['DaemonSet']),
    ...(data && {
      [`/api/v1/namespaces/${RELEASE.namespace}/secrets/${SECRET}`]: {
        kind: 'Secret',
        apiVersion: 'v1',
        metadata,
        data,
      },
    }),
  }
  const asked: string[] = []
  const server = createServer((request, response) => {
    const { pathname } = new URL(request.url ?? '', 'http://server')
    asked.push(pathname)
    const answer = answers[pathname] ?? {
      kind: 'Status',
      apiVersion: 'v1',
      status: 'Failure',
      reason: 'NotFound',
      code: 404,
    }
    response.writeHead(pathname in answers ? 200 : 404, { 'content-type': 'application/json' })
    response.end(JSON.stringify(answer))
  })
  await once(server.listen(0, '127.0.0.1'), 'listening')
  const address = server.address()
  assert.ok(typeof address === 'object' && address !== null)
  return {
    url: `http://127.0.0.1:${address.port}`,
    asked,
    async [Symbol.asyncDispose]() {
      server.close()
      server.closeAllConnections()
      await once(server, 'close')
    },
  }
}

/** What is rendered for a cluster that an earlier release, or one that is gone, has left the Secret with this data in. */
async function renderAfter(data: Readonly<Record<string, string>> | undefined): Promise<readonly KubernetesObject[]> {
  await using server = await apiServer(data)
  const release = [RELEASE.name, CHART, '--namespace', RELEASE.namespace]
  const flags = ['--dry-run=server', '--kube-apiserver', server.url, '--disable-openapi-validation']
  const result = await helm(['template', ...release, ...flags])
  assert.ok(result.ok, result.stderr)
  assert.ok(server.asked.some(path => path.endsWith(`/secrets/${SECRET}`)))
  return parseObjects(result.stdout)
}

function secretOf(objects: readonly KubernetesObject[]): string {
  const { data = {}, metadata } = objectNamed(objects, 'Secret', SECRET)
  assert.equal(metadata.annotations?.['helm.sh/resource-policy'], 'keep')
  assert.deepEqual(Object.keys(data), ['secret'])
  return data['secret'] ?? ''
}

describe('the secret of the mesh', { skip: unlessHelm }, () => {
  test('is random', async () => {
    const [one, other] = [secretOf(await render('default')), secretOf(await render('default'))]
    assert.notEqual(one, other)
    assert.match(Buffer.from(one, 'base64').toString(), /^[A-Za-z0-9]{64}$/)
  })

  test('stays what it is when the release is upgraded, or installed again', async () => {
    assert.equal(secretOf(await renderAfter({ secret: MADE_EARLIER })), MADE_EARLIER)
  })

  test('is made where the cluster has none, or one without content', async () => {
    for (const data of [undefined, {}, { secret: '' }]) {
      assert.match(Buffer.from(secretOf(await renderAfter(data)), 'base64').toString(), /^[A-Za-z0-9]{64}$/)
    }
  })
})
