import { readdirSync } from 'node:fs'
import path from 'node:path'
import { parseAllDocuments } from 'yaml'
import { CHART, helm } from './helm.ts'

export const VALUES = path.join(import.meta.dirname, 'values')

/** Names of the value sets, files of `values/` without `.yaml`. */
export const VALUE_SETS: readonly string[] = readdirSync(VALUES)
  .map(name => path.basename(name, '.yaml'))
  .toSorted()

/** The release that value sets are rendered as. */
export const RELEASE = { name: 'spegel', namespace: 'mirrors' }

export interface EnvironmentVariable {
  readonly name: string
  readonly value?: string
  readonly valueFrom?: { readonly fieldRef?: { readonly fieldPath: string } }
}

export interface Port {
  readonly name: string
  readonly containerPort: number
  readonly hostPort?: number
}

export interface VolumeMount {
  readonly name: string
  readonly mountPath: string
  readonly readOnly?: boolean
}

export interface Container {
  readonly name: string
  readonly image: string
  readonly args?: readonly string[]
  readonly env?: readonly EnvironmentVariable[]
  readonly ports?: readonly Port[]
  readonly volumeMounts?: readonly VolumeMount[]
  readonly resources?: unknown
  readonly securityContext?: unknown
  readonly [probe: `${string}Probe`]: { readonly httpGet: { readonly path: string; readonly port: string } }
}

export interface Volume {
  readonly name: string
  readonly hostPath?: { readonly path: string; readonly type?: string }
  readonly secret?: { readonly secretName: string }
}

export interface PodSpec {
  readonly containers: readonly Container[]
  readonly initContainers?: readonly Container[]
  readonly volumes?: readonly Volume[]
  readonly automountServiceAccountToken?: boolean
  readonly [field: string]: unknown
}

export type Labels = Readonly<Record<string, string>>

export interface KubernetesObject {
  readonly apiVersion: string
  readonly kind: string
  readonly metadata: {
    readonly name: string
    readonly namespace: string
    readonly labels: Labels
    readonly annotations?: Labels
  }
  readonly spec: Readonly<Record<string, unknown>>
  readonly data?: Readonly<Record<string, string>>
}

/** The rendering of a value set, as text. Rejects with what helm says where it refuses. */
export async function renderText(set: string): Promise<string> {
  const apis = ['--api-versions', 'autoscaling.k8s.io/v1']
  const values = ['--values', path.join(VALUES, `${set}.yaml`)]
  const release = [RELEASE.name, CHART, '--namespace', RELEASE.namespace]
  const result = await helm(['template', ...release, ...values, ...apis])
  if (!result.ok) throw new Error(result.stderr)
  return result.stdout
}

/** The objects of a value set. */
export async function render(set: string): Promise<readonly KubernetesObject[]> {
  return parseObjects(await renderText(set))
}

/** The objects in what helm printed. */
export function parseObjects(text: string): readonly KubernetesObject[] {
  return parseAllDocuments(text).map(document => {
    if (document.errors.length > 0) throw new AggregateError(document.errors, 'what is rendered is no YAML')
    return document.toJS()
  })
}

/** The pod of an object that is one or makes some. */
export function podOf({ kind, metadata, spec }: KubernetesObject): { spec: PodSpec; labels: Labels } | undefined {
  if (kind === 'Pod') return { spec: spec as unknown as PodSpec, labels: metadata.labels }
  if (kind !== 'DaemonSet') return undefined
  const { template } = spec as unknown as { template: { spec: PodSpec; metadata: { labels: Labels } } }
  return { spec: template.spec, labels: template.metadata.labels }
}

/** All containers of a pod, in the order in which they start. */
export function containersOf({ initContainers = [], containers }: PodSpec): readonly Container[] {
  return [...initContainers, ...containers]
}

/** The containers that run the program. */
export function ownContainers(objects: readonly KubernetesObject[]): readonly Container[] {
  const names = new Set(['configuration', 'registry', 'cleanup', 'cleanup-wait'])
  return objects
    .flatMap(object => podOf(object) ?? [])
    .flatMap(({ spec }) => containersOf(spec))
    .filter(({ name }) => names.has(name))
}

/** What the kubelet makes of a container's arguments on the node with this address. */
export function argumentsOf({ args = [], env = [] }: Container, nodeIp: string): readonly string[] {
  const values = new Map(env.map(({ name, value, valueFrom }) => [name, valueFrom === undefined ? value : nodeIp]))
  return args.map(arg => arg.replace(/\$\((\w+)\)/g, (reference, name) => values.get(name) ?? reference))
}

/** The one object of that kind and name. */
export function objectNamed(objects: readonly KubernetesObject[], kind: string, name: string): KubernetesObject {
  const found = objects.filter(object => object.kind === kind && object.metadata.name === name)
  if (found.length !== 1 || found[0] === undefined) throw new Error(`${found.length} objects are ${kind} ${name}`)
  return found[0]
}
