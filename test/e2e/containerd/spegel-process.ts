import path from 'node:path'
import process from 'node:process'
import type { TestHost } from '../../interop/network.ts'
import { until } from '../../until.ts'
import { ChildProgram } from './child-program.ts'
import type { ContainerdPaths } from './containerd-config.ts'

const SOURCE = path.resolve(import.meta.dirname, '../../../src/main.ts')
const PORTS = { registry: 5000, router: 5001, metrics: 9090 }

/** How the process sees containerd's socket: as it is, or mounted as into a pod, its directory or the socket file alone. */
export type SocketMount = 'none' | 'directory' | 'file'

export interface SpegelOptions {
  readonly host: TestHost
  /** Its own; exists. */
  readonly directory: string
  readonly containerd: ContainerdPaths
  readonly mount: SocketMount
  /** Addresses of the nodes to bootstrap with. */
  readonly peers: readonly string[]
  /** Flags beside those that the other options give; they win. */
  readonly flags: readonly string[]
}

/** Runs `spegel` from the sources, or the program that `SPEGEL_E2E_PROGRAM` names, such as the bundle. */
export function spegelCommand(...args: readonly string[]): readonly string[] {
  return [process.execPath, path.resolve(process.env['SPEGEL_E2E_PROGRAM'] ?? SOURCE), ...args]
}

/** A real `spegel registry` on a host of the test network. */
export class SpegelProcess implements AsyncDisposable {
  /** Base URL of the registry listener. */
  readonly url: string
  /** Base URL of the metrics listener. */
  readonly metricsUrl: string
  readonly #options: SpegelOptions
  #program: ChildProgram

  private constructor(options: SpegelOptions) {
    this.#options = options
    this.url = `http://${options.host.address}:${PORTS.registry}`
    this.metricsUrl = `http://${options.host.address}:${PORTS.metrics}`
    this.#program = this.#run()
  }

  /** Starts it; {@link ready} tells when it serves. */
  static start(options: SpegelOptions): SpegelProcess {
    return new SpegelProcess(options)
  }

  get program(): ChildProgram {
    return this.#program
  }

  /** Ends it at once, where it runs, and starts it anew, with further flags, by a command that runs another. */
  async restart(flags: readonly string[] = [], by: readonly string[] = []): Promise<void> {
    await this.#program[Symbol.asyncDispose]()
    this.#program = this.#run(flags, by)
  }

  /** Ends it at once. */
  async kill(): Promise<void> {
    await this.#program[Symbol.asyncDispose]()
  }

  /** The flags of the daemon, for another command that takes them. */
  flags(further: readonly string[] = []): readonly string[] {
    const { host, containerd, peers, flags } = this.#options
    return [
      '--store=containerd',
      `--containerd-sock=${containerd.socket}`,
      `--containerd-content-path=${containerd.content}`,
      `--router-addr=${host.address}:${PORTS.router}`,
      '--bootstrap-kind=static',
      '--static-bootstrap-peers',
      ...peers.map(peer => `/ip4/${peer}/tcp/${PORTS.router}`),
      ...flags,
      ...further,
    ]
  }

  /** All complete log lines so far, parsed. */
  get log(): readonly Readonly<Record<string, unknown>>[] {
    const lines = this.#program.output.split('\n').slice(0, -1)
    return lines.filter(line => line.startsWith('{')).map(line => JSON.parse(line))
  }

  async ready(): Promise<void> {
    await until(async () => {
      this.#program.assertRunning()
      return await fetch(`${this.url}/readyz`).then(
        response => response.ok,
        () => false,
      )
    })
  }

  /** Status of a request to its registry listener as containerd makes it; the body is read. */
  async status(method: string, target: string, headers: Readonly<Record<string, string>> = {}): Promise<number> {
    const response = await fetch(this.url + target, { method, headers })
    await response.arrayBuffer()
    return response.status
  }

  /** Sum of a metric over the label sets that contain `labels`, such as `source="peer"`. */
  async metric(name: string, labels = ''): Promise<number> {
    const text = await (await fetch(`${this.metricsUrl}/metrics`)).text()
    const lines = text.split('\n').filter(line => /^[a-z_]+/.exec(line)?.[0] === name && line.includes(labels))
    return lines.reduce((sum, line) => sum + Number(line.slice(line.lastIndexOf(' ') + 1)), 0)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#program[Symbol.asyncDispose]()
  }

  #run(further: readonly string[] = [], by: readonly string[] = []): ChildProgram {
    const { command, socket } = this.#mounted()
    const registry = spegelCommand('registry', ...this.flags([`--containerd-sock=${socket}`, ...further]))
    return ChildProgram.start('spegel', this.#options.host.within([...by, ...command, ...registry]))
  }

  /** The command to run it by, in a mount namespace of its own where it needs one, and where the socket is then. */
  #mounted(): { readonly command: readonly string[]; readonly socket: string } {
    const { containerd, directory, mount } = this.#options
    if (mount === 'none') return { command: [], socket: containerd.socket }
    const at = path.join(directory, 'pod')
    const socket = path.join(at, 'containerd.sock')
    const script =
      mount === 'directory'
        ? 'mkdir -p "$0" && mount --bind "$1" "$0" && shift 2 && exec "$@"'
        : 'mkdir -p "$0" && touch "$0/containerd.sock" && mount --bind "$2" "$0/containerd.sock" && shift 2 && exec "$@"'
    const command = ['unshare', '--mount', 'sh', '-c', script, at, containerd.state, containerd.socket]
    return { command, socket }
  }
}
