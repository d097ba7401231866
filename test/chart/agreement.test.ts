import assert from 'node:assert/strict'
import path from 'node:path'
import { describe, test } from 'node:test'
import { REGISTRY_FLAGS } from '../../src/cli/registry/flags.ts'
import { unlessHelm } from './helm.ts'
import {
  type Container,
  containersOf,
  type KubernetesObject,
  type Labels,
  objectNamed,
  ownContainers,
  podOf,
  render,
  VALUE_SETS,
} from './render.ts'

interface ServicePort {
  readonly name: string
  readonly port: number
  readonly targetPort: string
  readonly nodePort?: number
}

interface Service {
  readonly name: string
  readonly namespace: string
  readonly labels: Labels
  readonly selector: Labels
  readonly ports: readonly ServicePort[]
}

function servicesOf(objects: readonly KubernetesObject[]): readonly Service[] {
  return objects
    .filter(({ kind }) => kind === 'Service')
    .map(({ metadata: { name, namespace, labels }, spec }) => {
      const { selector, ports } = spec as unknown as Pick<Service, 'selector' | 'ports'>
      return { name, namespace, labels, selector, ports }
    })
}

function matches(selector: Labels, labels: Labels): boolean {
  return Object.entries(selector).every(([key, value]) => labels[key] === value)
}

function containerNamed(objects: readonly KubernetesObject[], name: string): Container | undefined {
  return ownContainers(objects).find(container => container.name === name)
}

/** The text of `--name=text`. */
function flag({ args = [] }: Container, name: string): string | undefined {
  const start = `--${name}=`
  return args.find(arg => arg.startsWith(start))?.slice(start.length)
}

/** The texts after a list flag. */
function listFlag({ args = [] }: Container, name: string): readonly string[] {
  const rest = args.slice(args.indexOf(`--${name}`) + 1)
  const end = rest.findIndex(arg => arg.startsWith('--'))
  return end === -1 ? rest : rest.slice(0, end)
}

/** Value set → the Secrets of the mesh and of credentials, where they are not those of the defaults. */
const SECRETS: Readonly<Record<string, readonly (string | undefined)[]>> = {
  credentials: ['spegel-cluster', 'spegel-credentials'],
  names: ['node-mirror-cluster', undefined],
  open: [undefined, undefined],
  'own-secret': ['our-cluster-secret', undefined],
}

/** A domain name without the domain of the cluster. */
function serviceOf(domain: string): string {
  return domain.split('.').slice(0, 3).join('.')
}

function registryOf(objects: readonly KubernetesObject[]): Container {
  const registry = containerNamed(objects, 'registry')
  assert.ok(registry !== undefined)
  return registry
}

describe('in what is rendered', { skip: unlessHelm }, () => {
  for (const set of VALUE_SETS) {
    test(`names are given once, all in one namespace, with the values ${set}`, async () => {
      const objects = await render(set)
      const names = objects.map(({ kind, metadata }) => `${kind} ${metadata.name}`)
      assert.equal(new Set(names).size, names.length)
      assert.equal(new Set(objects.map(({ metadata }) => metadata.namespace)).size, 1)
    })

    test(`selectors choose what they are meant to, with the values ${set}`, async () => {
      const objects = await render(set)
      const pods = objects.flatMap(object => {
        const pod = podOf(object)
        return pod === undefined ? [] : [{ ...pod, kind: object.kind, spec: object.spec, pod: pod.spec }]
      })
      for (const { kind, spec, labels } of pods.filter(({ kind }) => kind === 'DaemonSet')) {
        const { matchLabels } = (spec as unknown as { selector: { matchLabels: Labels } }).selector
        assert.deepEqual(
          pods.filter(pod => matches(matchLabels, pod.labels)).map(pod => pod.labels),
          [labels],
          `${kind} selects its own pods only`,
        )
      }
      for (const { name, selector, ports } of servicesOf(objects)) {
        const chosen = pods.filter(pod => matches(selector, pod.labels))
        assert.equal(chosen.length, 1, `service ${name} leads to one kind of pod`)
        const open = containersOf(chosen[0]?.pod ?? { containers: [] }).flatMap(({ ports = [] }) => ports)
        for (const { targetPort, port } of ports) {
          assert.equal(open.find(({ name }) => name === targetPort)?.containerPort, port, `${name} ${targetPort}`)
        }
      }
    })

    test(`ports are those that the program listens on, with the values ${set}`, async () => {
      const objects = await render(set)
      for (const container of ownContainers(objects)) {
        const { name, ports = [], args = [] } = container
        const listening = args.filter(arg => /^--(?:[a-z]+-)?addr=/.test(arg)).map(arg => Number(arg.split(':').at(-1)))
        assert.deepEqual(new Set(ports.map(port => port.containerPort)), new Set(listening), name)
        const probes = Object.entries(container).filter(([key]) => key.endsWith('Probe'))
        for (const [, probe] of probes) {
          const { port } = (probe as { httpGet: { port: string } }).httpGet
          assert.ok(ports.some(({ name }) => name === port))
        }
      }
      for (const { kind, spec } of objects.filter(({ kind }) => kind === 'NetworkPolicy')) {
        const { ingress } = spec as unknown as { ingress: readonly { ports: readonly { port: string }[] }[] }
        const allowed = ingress.flatMap(({ ports }) => ports.map(({ port }) => port))
        assert.deepEqual(
          allowed.toSorted(),
          registryOf(objects)
            .ports?.map(({ name }) => name)
            .toSorted(),
          kind,
        )
      }
    })

    test(`containerd is sent to ports of its node that lead to the registry, with the values ${set}`, async () => {
      const objects = await render(set)
      const configuration = containerNamed(objects, 'configuration')
      const hostPort = registryOf(objects).ports?.find(({ name }) => name === 'registry')?.hostPort
      const service = servicesOf(objects).find(({ name }) => name.endsWith('-registry'))
      const nodePort = service?.ports[0]?.nodePort
      assert.notEqual(hostPort, nodePort)
      const { trafficDistribution } = objectNamed(objects, 'Service', service?.name ?? '').spec
      assert.equal(trafficDistribution, hostPort === undefined ? 'PreferSameNode' : undefined)
      if (configuration === undefined) return
      const ports = hostPort === undefined ? [nodePort] : [hostPort, nodePort]
      const own = listFlag(configuration, 'mirror-targets').slice(0, ports.length)
      assert.deepEqual(
        own,
        ports.map(port => `http://$(NODE_IP):${port}`),
      )
    })

    test(`names of services that the program looks up exist, with the values ${set}`, async () => {
      const objects = await render(set)
      const services = servicesOf(objects)
      const known = new Map(services.map(({ name, namespace, ports }) => [`${name}.${namespace}.svc`, ports[0]?.port]))
      assert.ok(known.has(serviceOf(flag(registryOf(objects), 'dns-bootstrap-domain') ?? '')))
      const wait = containerNamed(objects, 'cleanup-wait')
      if (wait === undefined) return
      const [host = '', port] = flag(wait, 'probe-endpoint')?.split(':') ?? []
      assert.equal(known.get(serviceOf(host)), Number(port))
    })

    test(`every volume is mounted and every mount has its volume, with the values ${set}`, async () => {
      for (const object of await render(set)) {
        const pod = podOf(object)
        if (pod === undefined) continue
        const mounts = containersOf(pod.spec).flatMap(({ volumeMounts = [] }) => volumeMounts.map(({ name }) => name))
        const volumes = (pod.spec.volumes ?? []).map(({ name }) => name)
        assert.equal(new Set(volumes).size, volumes.length)
        assert.deepEqual(new Set(mounts), new Set(volumes))
      }
    })

    test(`the program finds at its paths what the node has there, with the values ${set}`, async () => {
      const objects = await render(set)
      const volumes = objects.flatMap(object => podOf(object)?.spec.volumes ?? [])
      const mounted = ({ volumeMounts = [] }: Container, at: string) => {
        const mount = volumeMounts.find(({ mountPath }) => mountPath === at)
        return { mount, volume: volumes.find(({ name }) => name === mount?.name) }
      }
      const registry = registryOf(objects)

      const run = path.dirname(flag(registry, 'containerd-sock') ?? '')
      const { mount, volume } = mounted(registry, run)
      assert.equal(mount?.readOnly, true)
      // A socket that is mounted as a file is dead once containerd makes a new one.
      assert.deepEqual(volume?.hostPath, { path: run, type: 'Directory' })

      const contentPath = flag(registry, 'containerd-content-path')
      if (contentPath !== '') {
        const content = mounted(registry, contentPath ?? '')
        assert.equal(content.mount?.readOnly, true)
        assert.equal(content.volume?.hostPath?.path, contentPath)
      }
      const dataDir = flag(registry, 'data-dir')
      if (dataDir !== undefined) assert.notEqual(mounted(registry, dataDir).mount?.readOnly, true)
      if (dataDir !== undefined) assert.equal(mounted(registry, dataDir).volume?.hostPath?.type, 'DirectoryOrCreate')

      for (const name of ['configuration', 'cleanup']) {
        const container = containerNamed(objects, name)
        if (container === undefined) continue
        const directory = flag(container, 'containerd-registry-config-path') ?? ''
        assert.equal(mounted(container, directory).volume?.hostPath?.path, directory)
      }
      // Who asks needs what is asked for.
      const { default: credentials = '' } = REGISTRY_FLAGS.basicAuthDir
      const secretsOf = (container: Container): readonly (string | undefined)[] => {
        const file = flag(container, 'cluster-secret-file')
        const clusterSecret = file === undefined ? undefined : mounted(container, path.dirname(file))
        if (clusterSecret !== undefined) assert.equal(clusterSecret.mount?.readOnly, true)
        const names = [clusterSecret, mounted(container, credentials)].map(place => place?.volume?.secret?.secretName)
        assert.equal(names[0] === undefined, file === undefined)
        return names
      }
      assert.deepEqual(secretsOf(registry), SECRETS[set] ?? ['spegel-cluster', undefined])
      const configuration = containerNamed(objects, 'configuration')
      if (configuration !== undefined) assert.deepEqual(secretsOf(configuration), secretsOf(registry))
    })

    test(`no pod may speak to the API server, gain rights or write its image, with the values ${set}`, async () => {
      const objects = await render(set)
      assert.deepEqual(
        objects.filter(({ kind }) => /Role/.test(kind)),
        [],
      )
      for (const pod of objects.flatMap(object => podOf(object) ?? [])) {
        assert.equal(pod.spec.automountServiceAccountToken, false)
      }
      for (const { securityContext, name } of ownContainers(objects)) {
        const expected = { readOnlyRootFilesystem: true, allowPrivilegeEscalation: false }
        const rest = { capabilities: { drop: ['ALL'] }, seccompProfile: { type: 'RuntimeDefault' } }
        assert.deepEqual(securityContext, { ...expected, ...rest }, name)
      }
    })
  }

  test('monitoring finds the port of metrics', async () => {
    const objects = await render('monitoring')
    const { selector, endpoints } = objectNamed(objects, 'ServiceMonitor', 'spegel').spec as unknown as {
      selector: { matchLabels: Labels }
      endpoints: readonly { port: string }[]
    }
    const chosen = servicesOf(objects).filter(({ labels }) => matches(selector.matchLabels, labels))
    assert.deepEqual(
      chosen.flatMap(({ ports }) => ports.map(({ name }) => name)),
      endpoints.map(({ port }) => port),
    )
  })

  test('the autoscaler names a container that there is', async () => {
    const objects = await render('operators')
    const { targetRef, resourcePolicy } = objectNamed(objects, 'VerticalPodAutoscaler', 'spegel').spec as unknown as {
      targetRef: { kind: string; name: string }
      resourcePolicy: { containerPolicies: readonly { containerName: string }[] }
    }
    const pod = podOf(objectNamed(objects, targetRef.kind, targetRef.name))
    for (const { containerName } of resourcePolicy.containerPolicies) {
      assert.ok(pod?.spec.containers.some(({ name }) => name === containerName))
    }
  })
})
