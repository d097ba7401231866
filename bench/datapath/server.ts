import { mkdir, writeFile } from 'node:fs/promises'
import path from 'node:path'
import process from 'node:process'
import { ChildProgram } from '../../test/e2e/containerd/child-program.ts'
import { freePorts, type Ports } from '../../test/free-ports.ts'
import { until } from '../driven-mesh.ts'
import type { MemoryGroup } from '../memory-group.ts'

const BUNDLE = path.resolve(import.meta.dirname, '../../dist/spegel.js')
const HOST = '127.0.0.1'

/** A server under test, as one process. */
export interface Server {
  readonly name: string
  readonly host: string
  readonly port: number
  readonly pid: number
  /** Ours alone. */
  readonly metricsUrl?: string
}

export interface ServerOptions {
  /** For its configuration and temporary files. */
  readonly directory: string
  /** Ends it. */
  readonly stack: AsyncDisposableStack
  /** Its memory is counted there. */
  readonly memory?: MemoryGroup | undefined
}

/** Where content comes from: files of its own, or another server that is asked for what it lacks. */
export type Origin =
  | { readonly kind: 'files'; readonly root: string }
  | { readonly kind: 'server'; readonly url: string }

/** Our bundle, over the image layout at `root`. */
export async function startSpegel(root: string, options: ServerOptions): Promise<Server> {
  return await startNode({ root, host: HOST, ports: await freePorts() }, options)
}

/** Our bundle, over an image layout with nothing in it: what it is asked for it has from another, over the one at `root`. */
export async function startSpegelRelay(root: string, options: ServerOptions): Promise<Server> {
  const ports = await freePorts()
  await startNode({ root, host: HOST, ports }, options)
  const empty = path.join(options.directory, `spegel-${ports.registry}`)
  await mkdir(empty)
  return await startNode({ root: empty, host: '127.0.0.2', ports, bootstrap: HOST }, options)
}

interface NodeOptions {
  readonly root: string
  readonly host: string
  readonly ports: Ports
  /** Address of a node to join. */
  readonly bootstrap?: string
}

async function startNode(
  { root, host, ports, bootstrap }: NodeOptions,
  { stack, memory }: ServerOptions,
): Promise<Server> {
  const command = [
    process.execPath,
    BUNDLE,
    'registry',
    '--log-level=WARN',
    '--store=oci-layout',
    `--oci-layout-path=${root}`,
    `--registry-addr=${host}:${ports.registry}`,
    `--router-addr=${host}:${ports.router}`,
    `--metrics-addr=${host}:${ports.metrics}`,
    '--bootstrap-kind=static',
    ...(bootstrap === undefined ? [] : [`--static-bootstrap-peers=${bootstrap}`]),
    `--basic-auth-dir=${root}/none`,
  ]
  const node = await start('spegel', { command, host, port: ports.registry, probe: '/readyz' }, { stack, memory })
  return { ...node, metricsUrl: `http://${host}:${ports.metrics}/metrics` }
}

/** nginx as one process without a master. `sendfile` concerns files, buffers of 8 × 256 KiB what is proxied. */
export async function startNginx(
  origin: Origin,
  { directory, stack, sendfile = true }: ServerOptions & { readonly sendfile?: boolean },
): Promise<Server> {
  const { registry: port } = await freePorts()
  const home = path.join(directory, `nginx-${port}`)
  await mkdir(home, { recursive: true })
  const file = path.join(home, 'nginx.conf')
  await writeFile(
    file,
    `daemon off; master_process off; user root; pid ${home}/pid; error_log ${home}/error.log;
events { worker_connections 4096; }
http {
  access_log off; sendfile ${sendfile ? 'on' : 'off'}; keepalive_requests 1000000; default_type application/octet-stream;
  ${['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map(kind => `${kind}_temp_path ${home}/${kind};`).join(' ')}
  server {
    listen ${HOST}:${port} backlog=4096;
    location / { ${origin.kind === 'files' ? `root ${origin.root};` : proxied(origin.url)} }
  }
}
`,
  )
  const name = origin.kind === 'server' ? 'nginx proxy' : `nginx, sendfile ${sendfile ? 'on' : 'off'}`
  return await start(name, { command: ['nginx', '-c', file], port, probe: '/' }, { stack })
}

/** How nginx relays: in memory, in large buffers, over kept connections. */
function proxied(url: string): string {
  return `proxy_pass ${url}; proxy_http_version 1.1; proxy_set_header Connection "";
    proxy_buffers 8 256k; proxy_buffer_size 256k; proxy_busy_buffers_size 512k; proxy_max_temp_file_size 0;`
}

/** Debian's docker-registry, with its storage at `root`, or as a pull-through cache with storage of its own. */
export async function startDockerRegistry(origin: Origin, { directory, stack }: ServerOptions): Promise<Server> {
  const { registry: port } = await freePorts()
  const home = path.join(directory, `docker-registry-${port}`)
  await mkdir(home, { recursive: true })
  const file = path.join(home, 'config.yml')
  await writeFile(
    file,
    `version: 0.1
log: {level: error, accesslog: {disabled: true}}
storage: {filesystem: {rootdirectory: ${origin.kind === 'files' ? origin.root : home}}, cache: {blobdescriptor: inmemory}}
http: {addr: "${HOST}:${port}"}
${origin.kind === 'server' ? `proxy: {remoteurl: "${origin.url}"}` : ''}
`,
  )
  const name = origin.kind === 'server' ? 'docker-registry, pull-through' : 'docker-registry'
  return await start(name, { command: ['docker-registry', 'serve', file], port, probe: '/v2/' }, { stack })
}

interface Started {
  readonly command: readonly string[]
  /** Default: {@link HOST}. */
  readonly host?: string
  readonly port: number
  /** Any answer to it says that the server is up. */
  readonly probe: string
}

async function start(
  name: string,
  { command, host = HOST, port, probe }: Started,
  { stack, memory }: Pick<ServerOptions, 'stack' | 'memory'>,
): Promise<Server> {
  // In its group from the first instruction on: what it took before would not count.
  const program = stack.use(ChildProgram.start(name, memory?.within(command) ?? command))
  await until(async () => {
    program.assertRunning()
    const response = await fetch(`http://${host}:${port}${probe}`).catch(() => undefined)
    await response?.body?.cancel()
    return response !== undefined && response.status !== 503
  })
  return { name, host, port, pid: program.pid }
}
