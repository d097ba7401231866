import { chmod, lstat, mkdir, readdir, readFile, readlink, stat, symlink, utimes, writeFile } from 'node:fs/promises'
import path from 'node:path'
import { parse } from 'smol-toml'
import { DEFAULT_DIRECTORY, HOSTS_FILE, registryDirectories } from '../../src/certs-d/layout.ts'

/** Path → text of a file, null for an empty directory, `-> target` for a link, or a file with its mode. */
export type Layout = Readonly<Record<string, string | null | { readonly text: string; readonly mode: number }>>

/** Long ago, so that a file that is written again shows. */
const WRITTEN = new Date('2020-01-02T03:04:05Z')

/** Puts files into a directory. */
export async function lay(root: string, layout: Layout): Promise<void> {
  await mkdir(root, { recursive: true })
  for (const [relative, entry] of Object.entries(layout)) {
    const file = path.join(root, relative)
    await mkdir(entry === null ? file : path.dirname(file), { recursive: true })
    if (entry === null) continue
    if (typeof entry === 'string' && entry.startsWith('-> ')) {
      await symlink(entry.slice('-> '.length), file)
    } else {
      const { text, mode } = typeof entry === 'string' ? { text: entry, mode: 0o644 } : entry
      await writeFile(file, text)
      await chmodAndDate(file, mode)
    }
  }
}

async function chmodAndDate(file: string, mode: number): Promise<void> {
  await chmod(file, mode)
  await utimes(file, WRITTEN, WRITTEN)
}

/** Path → what is there: a line of kind, permissions, owner, and content, target or time. */
export async function snapshot(root: string): Promise<Readonly<Record<string, string>>> {
  const found: Record<string, string> = {}
  for (const relative of (await readdir(root, { recursive: true })).toSorted()) {
    const file = path.join(root, relative)
    const stats = await lstat(file)
    const common = `${(stats.mode & 0o7777).toString(8)} ${stats.uid}:${stats.gid}`
    if (stats.isSymbolicLink()) found[relative] = `-> ${await readlink(file)}`
    else if (stats.isFile()) found[relative] = `${common} ${await readFile(file, 'utf8')}`
    else found[relative] = `${stats.isDirectory() ? 'directory' : 'special'} ${common}`
  }
  return found
}

/** Path → text of every file. */
export async function texts(root: string): Promise<Readonly<Record<string, string>>> {
  const found: Record<string, string> = {}
  for (const relative of (await readdir(root, { recursive: true })).toSorted()) {
    const file = path.join(root, relative)
    if ((await lstat(file)).isFile()) found[relative] = await readFile(file, 'utf8')
  }
  return found
}

/** What containerd makes of a registry: the `hosts.toml` it reads, and the certificates that this or the directory names. */
export async function inForce(root: string, registry: string): Promise<string> {
  for (const name of [...registryDirectories(registry), DEFAULT_DIRECTORY]) {
    const directory = path.join(root, name)
    if (!(await isThere(directory))) continue
    const hosts = await readIfThere(path.join(directory, HOSTS_FILE))
    const named =
      hosts === undefined
        ? (await readdir(directory)).filter(each => /\.(crt|cert|key)$/.test(each)).toSorted()
        : certificatesOf(hosts)
    const certificates = await Promise.all(
      named.map(async each => (await readIfThere(path.resolve(directory, each))) ?? 'missing'),
    )
    return JSON.stringify({ hosts, certificates })
  }
  return 'nothing'
}

function certificatesOf(hosts: string): readonly string[] {
  const { host = {}, ...server } = parse(hosts)
  return [server, ...Object.values(host as object)].flatMap(
    ({ ca = [], client = [] }) => [ca, client].flat(3) as string[],
  )
}

async function isThere(file: string): Promise<boolean> {
  return await stat(file).then(
    () => true,
    () => false,
  )
}

async function readIfThere(file: string): Promise<string | undefined> {
  return await readFile(file, 'utf8').catch(() => undefined)
}
