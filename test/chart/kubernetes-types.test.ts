import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { symlink, writeFile } from 'node:fs/promises'
import path from 'node:path'
import { describe, test } from 'node:test'
import { promisify } from 'node:util'
import { temporaryDirectory } from '../temporary-directory.ts'
import { unlessHelm } from './helm.ts'
import { type KubernetesObject, render, VALUE_SETS } from './render.ts'

const ROOT = path.resolve(import.meta.dirname, '../..')
const CRD_TYPES = './crd-types.ts'

/** Kind → where its type and its check at run time come from. */
const MODELS: Readonly<Record<string, string>> = {
  ConfigMap: 'kubernetes-models/v1/ConfigMap',
  DaemonSet: 'kubernetes-models/apps/v1/DaemonSet',
  GrafanaDashboard: CRD_TYPES,
  NetworkPolicy: 'kubernetes-models/networking.k8s.io/v1/NetworkPolicy',
  Pod: 'kubernetes-models/v1/Pod',
  Secret: 'kubernetes-models/v1/Secret',
  Service: 'kubernetes-models/v1/Service',
  ServiceAccount: 'kubernetes-models/v1/ServiceAccount',
  ServiceMonitor: '@kubernetes-models/prometheus-operator/monitoring.coreos.com/v1/ServiceMonitor',
  VerticalPodAutoscaler: CRD_TYPES,
}

const TSC_FLAGS = ['--noEmit', '--strict', '--skipLibCheck', '--module', 'nodenext', '--allowImportingTsExtensions']

/** What the compiler says of the objects against their types, which know every field; empty where it accepts them. */
async function complaints(objects: readonly KubernetesObject[]): Promise<string> {
  await using directory = await temporaryDirectory()
  const kinds = new Set(objects.map(({ kind }) => kind))
  const imports = [...kinds].map(kind => {
    const model = MODELS[kind] ?? assert.fail(`no type is known for ${kind}`)
    const from = model === CRD_TYPES ? path.join(import.meta.dirname, 'crd-types.ts') : model
    return `import type { I${kind} } from '${from}'`
  })
  const checks = objects.map(object => `void (${JSON.stringify(object, null, 1)} satisfies I${object.kind})`)
  const file = path.join(directory.path, 'objects.ts')
  await writeFile(path.join(directory.path, 'package.json'), '{ "type": "module" }')
  await symlink(path.join(ROOT, 'node_modules'), path.join(directory.path, 'node_modules'))
  await writeFile(file, [...imports, ...checks, ''].join('\n'))
  const tsc = path.join(ROOT, 'node_modules/.bin/tsc')
  try {
    await promisify(execFile)(tsc, [...TSC_FLAGS, file], { cwd: directory.path })
    return ''
  } catch (error) {
    return String(Reflect.get(Object(error), 'stdout'))
  }
}

interface Model {
  validate(): void
}

/** Checks formats, required fields and enumerations too. Rejects with what is wrong. */
async function validate(object: KubernetesObject): Promise<void> {
  const module = MODELS[object.kind]
  if (module === undefined || module === CRD_TYPES) return
  const { [object.kind]: ModelOf } = (await import(module)) as Record<string, new (data: unknown) => Model>
  assert.ok(ModelOf !== undefined)
  new ModelOf(object).validate()
}

describe('what is rendered', { skip: unlessHelm }, () => {
  test('has no field that Kubernetes or an operator does not know', async () => {
    const objects = (await Promise.all(VALUE_SETS.map(render))).flat()
    assert.ok(objects.length > 8 * VALUE_SETS.length - 8)
    assert.deepEqual(new Set(objects.map(({ kind }) => kind)), new Set(Object.keys(MODELS)))
    assert.equal(await complaints(objects), '')
  })

  for (const set of VALUE_SETS) {
    test(`is valid to Kubernetes with the values ${set}`, async () => {
      for (const object of await render(set)) await validate(object)
    })
  }

  test('would be refused with an unknown field, however deep', async () => {
    const text = JSON.stringify(await render('default')).replaceAll('"mountPath":', '"mountpath":"","mountPath":')
    assert.match(await complaints(JSON.parse(text)), /"mountpath"' does not exist in type 'IVolumeMount'/)
  })

  test('would be refused with a value of the wrong type', async () => {
    const object: KubernetesObject = JSON.parse(
      JSON.stringify(await render('default')).replaceAll('"port":5000', '"port":"5000"'),
    ).find(({ metadata }: KubernetesObject) => metadata.name === 'spegel-registry')
    await assert.rejects(validate(object), /port/)
  })
})
