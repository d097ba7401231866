import { execFile, spawnSync } from 'node:child_process'
import { readdir } from 'node:fs/promises'
import process from 'node:process'
import { promisify } from 'node:util'

const run = promisify(execFile)

/** Where `ip netns` keeps the namespaces that it makes. */
const NAMESPACES = '/run/netns'
const PREFIX = 'spegel-test'
const SUBNET = '10.77.0'
/** Last part of the address of a process that joins. */
const JOINED = 254
const BITS_PER_BYTE = 8

let networks = 0

/** For a test's `skip`: the reason where network namespaces can't be made. */
export function unlessNamespaces(): string | false {
  if (process.getuid?.() !== 0) return 'needs root to make network namespaces'
  const probe = `${PREFIX}-${process.pid}-probe`
  if (spawnSync('ip', ['netns', 'add', probe]).status !== 0) return 'network namespaces cannot be made'
  spawnSync('ip', ['netns', 'delete', probe])
  return false
}

/** A machine of a test network: a network namespace with one address. */
export interface TestHost {
  readonly address: string
  /** A command line that runs `command` there. */
  within(command: readonly string[]): readonly string[]
  /** Drops every packet to and from this host, as a firewall would: nobody is told. */
  blackhole(): Promise<void>
  /** Drops every packet between this host and `addresses`. */
  dropBetween(addresses: readonly string[]): Promise<void>
  /** Slows down what this host sends. */
  throttle(bytesPerSecond: number): Promise<void>
  /** Undoes what {@link blackhole} and {@link dropBetween} did to this host. */
  heal(): Promise<void>
}

/**
 * Hosts on a bridge of their own that nothing else can reach. Go and stock kad-dht ignore loopback addresses, so that
 * meshes with them need real ones.
 */
export class TestNetwork implements AsyncDisposable {
  readonly hosts: readonly TestHost[]
  readonly #namespaces: readonly string[]
  #joined = false

  private constructor(name: string, count: number) {
    const names = Array.from({ length: count }, (_, index) => `${name}-${index + 1}`)
    this.hosts = names.map((host, index) => testHost(host, `${SUBNET}.${index + 1}`))
    this.#namespaces = [`${name}-bridge`, ...names]
  }

  static async create(count: number): Promise<TestNetwork> {
    await removeAbandoned()
    const name = `${PREFIX}-${process.pid}-${++networks}`
    const network = new TestNetwork(name, count)
    try {
      await network.#build()
    } catch (error) {
      await network[Symbol.asyncDispose]()
      throw error
    }
    return network
  }

  /**
   * Connects the namespace that this process is in to the hosts.
   * @returns its address
   */
  async join(): Promise<string> {
    const [bridge = ''] = this.#namespaces
    const address = `${SUBNET}.${JOINED}`
    this.#joined = true
    await run('ip', ['link', 'add', 'eth0', 'type', 'veth', 'peer', 'name', 'joined', 'netns', bridge])
    await run('ip', ['-n', bridge, 'link', 'set', 'joined', 'master', 'bridge', 'up'])
    await run('ip', ['address', 'add', `${address}/24`, 'dev', 'eth0'])
    await run('ip', ['link', 'set', 'eth0', 'up'])
    return address
  }

  /** Removes the namespaces; processes in them are to be ended before. */
  async [Symbol.asyncDispose](): Promise<void> {
    // With its namespaces alone it would go too, but some time later.
    if (this.#joined) await Promise.allSettled([run('ip', ['link', 'delete', 'eth0'])])
    await Promise.allSettled(this.#namespaces.map(name => run('ip', ['netns', 'delete', name])))
  }

  async #build(): Promise<void> {
    for (const name of this.#namespaces) await run('ip', ['netns', 'add', name])
    const [bridge = '', ...hosts] = this.#namespaces
    await run('ip', ['-n', bridge, 'link', 'add', 'bridge', 'type', 'bridge'])
    await run('ip', ['-n', bridge, 'link', 'set', 'bridge', 'up'])
    for (const [index, host] of hosts.entries()) {
      const port = `port${index}`
      const ends = ['eth0', 'netns', host, 'type', 'veth', 'peer', 'name', port, 'netns', bridge]
      await run('ip', ['link', 'add', ...ends])
      await run('ip', ['-n', bridge, 'link', 'set', port, 'master', 'bridge', 'up'])
      await run('ip', ['-n', host, 'address', 'add', `${this.hosts[index]?.address}/24`, 'dev', 'eth0'])
      for (const device of ['lo', 'eth0']) await run('ip', ['-n', host, 'link', 'set', device, 'up'])
    }
  }
}

function testHost(namespace: string, address: string): TestHost {
  const within = (command: readonly string[]) => ['nsenter', `--net=${NAMESPACES}/${namespace}`, '--', ...command]
  const execute = async (...command: readonly string[]): Promise<void> => {
    const [program = '', ...args] = within(command)
    await run(program, args)
  }
  const firewall = (...rule: readonly string[]) => execute('iptables', '-w', ...rule)
  return {
    address,
    within,
    async blackhole() {
      for (const chain of ['INPUT', 'OUTPUT']) await firewall('-A', chain, '-j', 'DROP')
    },
    async dropBetween(addresses) {
      const others = addresses.join(',')
      await firewall('-A', 'INPUT', '-s', others, '-j', 'DROP')
      await firewall('-A', 'OUTPUT', '-d', others, '-j', 'DROP')
    },
    async throttle(bytesPerSecond) {
      const shape = ['rate', `${bytesPerSecond * BITS_PER_BYTE}bit`, 'burst', '64kb', 'latency', '200ms']
      await execute('tc', 'qdisc', 'replace', 'dev', 'eth0', 'root', 'tbf', ...shape)
    },
    heal: () => firewall('-F'),
  }
}

/** Removes what a run that was killed has left. */
async function removeAbandoned(): Promise<void> {
  const names = await readdir(NAMESPACES).catch(() => [])
  for (const name of names) {
    const pid = new RegExp(`^${PREFIX}-(\\d+)-`).exec(name)?.[1]
    if (pid !== undefined && !isRunning(Number(pid))) await run('ip', ['netns', 'delete', name])
  }
}

function isRunning(pid: number): boolean {
  try {
    return process.kill(pid, 0)
  } catch {
    return false
  }
}
