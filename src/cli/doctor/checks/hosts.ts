import type { HostsInForce } from '../facts/hosts-in-force.ts'
import { type Finding, findingsOf } from '../finding.ts'

const { ok, warning, failure } = findingsOf('hosts')

/** Registries of one report that are named. */
const MAX_NAMED = 20

export interface HostsFacts {
  /** `config_path` of containerd, or where hosts.toml files are written. */
  readonly configPaths: readonly string[]
  /** What is to be mirrored; undefined stands for every registry without a directory of its own. */
  readonly registries: readonly (string | undefined)[]
  /** Registries that have a directory of their own. */
  readonly configured: readonly string[]
  readonly inForce: (registry: string | undefined) => Promise<HostsInForce>
  /** Whether a URL is that of a mirror of this node. */
  readonly isMirror: (url: string) => Promise<boolean>
}

export interface HostsResult {
  readonly findings: readonly Finding[]
  /** URLs of the mirrors that containerd asks. */
  readonly mirrors: readonly string[]
}

/** Whether containerd is told to ask the mirror first, for every registry that is to be mirrored. */
export async function checkHosts(facts: HostsFacts): Promise<HostsResult> {
  const { registries, configured } = facts
  const all = registries.includes(undefined)
  const wanted = [...registries, ...(all ? configured.filter(name => !registries.includes(name)) : [])]
  const findings: Finding[] = []
  const mirrors = new Set<string>()
  for (const registry of wanted.slice(0, MAX_NAMED)) {
    findings.push(await checkRegistry(registry, facts, mirrors))
  }
  return { findings, mirrors: [...mirrors] }
}

async function checkRegistry(
  registry: string | undefined,
  { configPaths, inForce, isMirror }: HostsFacts,
  mirrors: Set<string>,
): Promise<Finding> {
  const { directory, hosts, isOurs, trouble } = await inForce(registry)
  const subject = registry ?? 'registries without a directory of their own'
  if (directory === undefined) {
    return failure(
      `there is no hosts.toml for ${subject} in ${configPaths.join(':')}`,
      `run spegel configuration --containerd-registry-config-path=${configPaths[0]} with the daemon's mirror as target`,
    )
  }
  const answers = await Promise.all(hosts.map(isMirror))
  const at = answers.indexOf(true)
  for (const [index, host] of hosts.entries()) if (answers[index] === true) mirrors.add(host)
  if (at === 0) return ok(`${subject}: containerd asks the mirror ${hosts[0]} first (${directory})`)
  if (at > 0) {
    return warning(
      `${subject}: containerd asks ${hosts[0]} before the mirror (${directory})`,
      'run spegel configuration again: it puts the mirror first',
    )
  }
  if (isOurs) {
    const [host = 'none'] = hosts
    mirrors.add(host)
    return failure(
      `${subject}: containerd is told to ask the mirror ${host}, where none answers`,
      'start the mirror, or run spegel configuration with the address that it answers at',
    )
  }
  const reason = trouble ?? (hosts.length === 0 ? 'names no host' : `asks ${hosts.join(', ')}`)
  return failure(
    `${subject}: the mirror is not asked, because ${directory} is in force and ${reason}`,
    `remove ${directory}, or run spegel configuration again: it keeps what is there with --prepend-existing`,
  )
}
