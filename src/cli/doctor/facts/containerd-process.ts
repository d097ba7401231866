import { readdir, readFile, readlink } from 'node:fs/promises'
import path from 'node:path'

/** Processes that are looked at. */
const MAX_PROCESSES = 20_000
const PROC = '/proc'

/** The process that a containerd is. */
export interface ContainerdProcess {
  /** Configuration file that it was started with, as it sees it; undefined: its own default. */
  readonly config: string | undefined
  readonly env: Readonly<Record<string, string>>
}

/**
 * The process that listens at `socket`. Undefined where it can't be seen from here, as in a container with processes of its
 * own, or without the right to look.
 */
export async function containerdProcess(socket: string): Promise<ContainerdProcess | undefined> {
  const inodes = await listeningInodes(socket)
  if (inodes.size === 0) return undefined
  const pids = (await readdir(PROC).catch(() => [])).filter(name => /^\d+$/.test(name)).slice(0, MAX_PROCESSES)
  for (const pid of pids) if (await holds(pid, inodes)) return await describe(pid)
  return undefined
}

/** @see https://man7.org/linux/man-pages/man5/proc_pid_net.5.html */
async function listeningInodes(socket: string): Promise<ReadonlySet<string>> {
  const table = await readFile(`${PROC}/net/unix`, 'utf8').catch(() => '')
  // /var/run is a link to /run nearly everywhere, and either is used for the other.
  const names = new Set([socket, socket.replace(/^\/var\/run\//, '/run/'), socket.replace(/^\/run\//, '/var/run/')])
  const rows = table.split('\n').map(line => line.split(/\s+/))
  return new Set(rows.filter(([, , , , , , , name]) => name !== undefined && names.has(name)).map(row => row[6] ?? ''))
}

async function holds(pid: string, inodes: ReadonlySet<string>): Promise<boolean> {
  const directory = path.join(PROC, pid, 'fd')
  for (const fd of await readdir(directory).catch(() => [])) {
    const target = await readlink(path.join(directory, fd)).catch(() => '')
    if (inodes.has(/^socket:\[(\d+)\]$/.exec(target)?.[1] ?? 'none')) return true
  }
  return false
}

async function describe(pid: string): Promise<ContainerdProcess> {
  const read = async (name: string): Promise<readonly string[]> =>
    (await readFile(path.join(PROC, pid, name), 'utf8').catch(() => '')).split('\0').filter(part => part !== '')
  const env = (await read('environ')).map((entry): readonly [string, string] => {
    const [name = '', ...value] = entry.split('=')
    return [name, value.join('=')]
  })
  return { config: configOf(await read('cmdline')), env: Object.fromEntries(env) }
}

/** The value of `--config` or `-c`, in the forms that Go's flags have. */
export function configOf(args: readonly string[]): string | undefined {
  for (const [index, arg] of args.entries()) {
    const { value } = /^--?(?:config|c)(?:=(?<value>.*))?$/s.exec(arg)?.groups ?? {}
    if (value !== undefined) return value
    if (/^--?(?:config|c)$/.test(arg)) return args[index + 1]
  }
  return undefined
}
