import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { COMMANDS } from '../../src/cli/commands.ts'
import type { Flag } from '../../src/cli/flags/flag.ts'
import { value } from '../../src/cli/flags/flag.ts'
import { oneOf } from '../../src/cli/flags/kind.ts'
import { collectTable, flagsOf, readFlags } from '../../src/cli/flags/read-flags.ts'
import { LOG_LEVELS } from '../../src/observability/log.ts'
import { unlessHelm } from './helm.ts'
import { argumentsOf, ownContainers, render, VALUE_SETS } from './render.ts'

/** The program takes it with every command. */
const LOG_LEVEL = {
  logLevel: value({ name: 'log-level', kind: oneOf(LOG_LEVELS, { ignoreCase: true }), default: 'INFO', help: '' }),
}

/** Flags that no value sets, and why. */
const WITHOUT_VALUE: Readonly<Record<string, string>> = {
  'registry --store': 'a cluster has a container runtime',
  'registry --oci-layout-path': 'a cluster has a container runtime',
  'registry --http-bootstrap-addr': 'peers are found through a service',
  'registry --http-bootstrap-url': 'peers are found through a service',
  'registry --http-bootstrap-cert-dir': 'peers are found through a service',
  'registry --static-bootstrap-peers': 'peers are found through a service',
  'registry --basic-auth-dir': 'the secret is mounted where the program looks',
  'configuration --basic-auth-dir': 'the secret is mounted where the program looks',
  'registry --containerd-registry-config-path': 'Go Spegel had it for the init container; the program ignores it',
  'registry --http-bootstrap-peer': 'peers are found through a service',
  'registry --otel-enabled': 'there is no tracing',
  'registry --otel-endpoint': 'there is no tracing',
  'registry --otel-insecure': 'there is no tracing',
  'registry --otel-sampler': 'there is no tracing',
  'registry --otel-service-name': 'there is no tracing',
  'registry --resolve-latest-tag': 'registryFilters says it',
  'cleanup-wait --threshold': 'the default is good',
  'cleanup-wait --period': 'the default is good',
}

const NOT_YET = /not in this release yet/

function commandNamed(name: string | undefined) {
  const command = COMMANDS.find(command => command.name === name)
  assert.ok(command !== undefined, `there is no command ${name}`)
  return command
}

/** Takes the arguments as the program does; `command --flag` → its texts. */
function given([name, ...args]: readonly string[]): ReadonlyMap<string, readonly string[]> {
  const command = commandNamed(name)
  const collected = collectTable(args, { ...command.table, ...LOG_LEVEL })
  readFlags(LOG_LEVEL, { ...collected, positionals: [] }, {})
  command.prepare(collected, {})
  return new Map([...collected.flags].map(([flag, texts]) => [`${command.name} --${flag}`, texts]))
}

describe('the chart', { skip: unlessHelm }, () => {
  for (const set of VALUE_SETS) {
    test(`gives the program only what it accepts, with the values ${set}`, async () => {
      const containers = ownContainers(await render(set))
      assert.ok(containers.length >= 1)
      for (const container of containers) {
        for (const nodeIp of ['10.0.0.1', 'fd00::1']) given(argumentsOf(container, nodeIp))
      }
    })
  }

  test('has a value for each flag of the program, but for those that need none', async () => {
    const rendered = new Set<string>()
    const commands = new Set<string>()
    for (const set of VALUE_SETS) {
      for (const container of ownContainers(await render(set))) {
        for (const flag of given(argumentsOf(container, '10.0.0.1')).keys()) rendered.add(flag)
        commands.add(container.args?.[0] ?? '')
      }
    }
    const missing = [...commands].flatMap(name =>
      flagsOf(commandNamed(name).table)
        // What is refused so far gets its value together with its meaning.
        .filter((flag: Flag<unknown>) => !NOT_YET.test(flag.help) || rendered.has(`${name} --${flag.name}`))
        .map(flag => `${name} --${flag.name}`)
        .filter(flag => !rendered.has(flag)),
    )
    assert.deepEqual(missing.toSorted(), Object.keys(WITHOUT_VALUE).toSorted())
  })

  test('leaves the environment alone, which could mean a flag', async () => {
    const names = (await Promise.all(VALUE_SETS.map(render)))
      .flatMap(ownContainers)
      .flatMap(({ env = [] }) => env.map(({ name }) => name))
    assert.deepEqual([...new Set(names)], ['NODE_IP'])
  })
})
