import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import path from 'node:path'
import { describe, test } from 'node:test'
import { parse } from 'yaml'
import { CHART, unlessHelm } from './helm.ts'
import { type Container, objectNamed, podOf, RELEASE, render, VALUES } from './render.ts'

/** Defaults that differ on purpose; NOTES and the README say so. */
const OUR_DEFAULTS: Readonly<Record<string, unknown>> = {
  'image.repository': 'ghcr.io/spegel-ts/spegel',
  // Whoever can join an open mesh could point a tag at any image.
  'spegel.resolveTags': 'auto',
}

/** Every leaf by its path; empty objects and lists are leaves. */
function leaves(value: unknown, at = ''): ReadonlyMap<string, unknown> {
  if (typeof value !== 'object' || value === null || Array.isArray(value) || Object.keys(value).length === 0) {
    return new Map([[at, value]])
  }
  const entries = Object.entries(value).flatMap(([key, child]) =>
    Array.from(leaves(child, at === '' ? key : `${at}.${key}`)),
  )
  return new Map(entries)
}

async function readValues(file: string): Promise<ReadonlyMap<string, unknown>> {
  return leaves(parse(await readFile(file, 'utf8')))
}

/** What Go Spegel's chart gives its program by default, but for what that has no counterpart of (tracing). */
const GO_ARGUMENTS: Readonly<Record<string, readonly string[]>> = {
  configuration: [
    'configuration',
    '--log-level=INFO',
    '--containerd-registry-config-path=/etc/containerd/certs.d',
    '--mirror-targets',
    'http://$(NODE_IP):30020',
    'http://$(NODE_IP):30021',
    '--resolve-tags=true',
    '--prepend-existing=false',
  ],
  registry: [
    'registry',
    '--log-level=INFO',
    '--mirror-resolve-retries=3',
    '--mirror-resolve-timeout=20ms',
    '--registry-addr=:5000',
    '--router-addr=:5001',
    '--metrics-addr=:9090',
    '--containerd-sock=/run/containerd/containerd.sock',
    '--containerd-namespace=k8s.io',
    '--bootstrap-kind=dns',
    `--dns-bootstrap-domain=spegel-bootstrap.${RELEASE.namespace}.svc.cluster.local.`,
    '--containerd-content-path=/var/lib/containerd/io.containerd.content.v1.content',
    '--data-dir=/var/lib/spegel',
  ],
}

const CLUSTER_SECRET = '--cluster-secret-file=/etc/secrets/cluster/secret'

/** What ours are given beside, each with its default or what Go Spegel does; but the mesh is closed until it is opened. */
const OUR_ARGUMENTS: Readonly<Record<string, readonly string[]>> = {
  configuration: [CLUSTER_SECRET],
  registry: ['--resolve-tags=true', '--max-uploads=256', '--coalesce=true', '--coalesce-wait=2s', CLUSTER_SECRET],
}

test("every value of Go Spegel's chart is here, with its default", async () => {
  const theirs = await readValues(path.join(VALUES, 'go-spegel.yaml'))
  const ours = await readValues(path.join(CHART, 'values.yaml'))
  assert.ok(theirs.size > 80)
  for (const [name, value] of theirs) {
    assert.ok(ours.has(name), `${name} is missing`)
    assert.deepEqual(ours.get(name), name in OUR_DEFAULTS ? OUR_DEFAULTS[name] : value, name)
  }
})

/** The containers of the daemon's pods, by name. */
async function containers(): Promise<ReadonlyMap<string, Container>> {
  const pod = podOf(objectNamed(await render('go-spegel'), 'DaemonSet', 'spegel'))
  assert.ok(pod !== undefined)
  return new Map([...(pod.spec.initContainers ?? []), ...pod.spec.containers].map(each => [each.name, each]))
}

describe("the values file of Go Spegel's chart", { skip: unlessHelm }, () => {
  for (const name of ['configuration', 'registry']) {
    test(`gives the container ${name} the arguments that it has there`, async () => {
      const { args = [] } = (await containers()).get(name) ?? {}
      const expected = [...(GO_ARGUMENTS[name] ?? []), ...(OUR_ARGUMENTS[name] ?? [])]
      assert.deepEqual(args.toSorted(), expected.toSorted())
    })
  }

  test('makes the objects that it makes there, under the same names, and the secret', async () => {
    const names = (await render('go-spegel')).map(({ kind, metadata }) => `${kind} ${metadata.name}`)
    assert.deepEqual(names.toSorted(), [
      'DaemonSet spegel',
      'DaemonSet spegel-cleanup',
      'Pod spegel-cleanup-wait',
      'Secret spegel-cluster',
      'Service spegel',
      'Service spegel-bootstrap',
      'Service spegel-cleanup',
      'Service spegel-registry',
      'ServiceAccount spegel',
    ])
  })

  test('keeps the selector of the DaemonSet, which can not be changed by an upgrade', async () => {
    const { selector } = objectNamed(await render('go-spegel'), 'DaemonSet', 'spegel').spec
    assert.deepEqual(selector, {
      matchLabels: {
        'app.kubernetes.io/component': 'spegel',
        'app.kubernetes.io/name': 'spegel',
        'app.kubernetes.io/instance': RELEASE.name,
      },
    })
  })
})
