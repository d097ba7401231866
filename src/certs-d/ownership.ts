import { HostsFileError } from './errors.ts'
import { type HostsFile, parseHostsFile } from './hosts-file.ts'

/** Starts every file of ours. Other versions may go on differently. */
const MARKER = '# Managed by Spegel.'
const HEADER = `${MARKER} Edits are lost; what was here before is in ../_backup, and "spegel cleanup" brings it back.\n\n`

/** What Go Spegel writes of a host, and before the first. It writes no marker, and marks by form what people rarely do. */
const GO_SPEGEL_LINE =
  /^(?:server = '[^']*'|\[host\]|capabilities = \['pull'(?:, 'resolve')?\]|dial_timeout = '200ms'|Authorization = 'Basic [^']*')?$/
const GO_SPEGEL_HOST = /^\[host\.'(?<url>[^']*)'(?:\.header)?\]$/

/** What helps to tell files of Go Spegel from those of others; only where there is a backup it has been here. */
export interface GoSpegelTraces {
  /** URLs of the mirrors that are being configured. */
  readonly targets: readonly string[]
  /** Hosts of the backed-up file, which Go Spegel may have kept. */
  readonly backedUpHosts: ReadonlySet<string>
}

/** The text of a `hosts.toml` of ours. */
export function mark(text: string): string {
  return HEADER + text
}

/** Whether a `hosts.toml` was written by us or, where `traces` are given, by Go Spegel. */
export function isOurs(text: string, traces?: GoSpegelTraces): boolean {
  if (text.startsWith(MARKER)) return true
  return traces !== undefined && (asksOnlyTargets(text, traces) || hasGoSpegelForm(text, traces))
}

/** Whether the mirrors that are being configured are asked, and nobody else who was not there before. */
function asksOnlyTargets(text: string, { targets, backedUpHosts }: GoSpegelTraces): boolean {
  let file: HostsFile
  try {
    file = parseHostsFile(text)
  } catch (error) {
    if (error instanceof HostsFileError) return false
    throw error
  }
  const added = [...file.hosts.keys()].filter(url => !backedUpHosts.has(url))
  return added.length > 0 && added.every(url => targets.includes(url)) && Object.keys(file.serverSettings).length === 0
}

/** Mirrors may have moved since, such as with the address of the node: then only the form tells. */
function hasGoSpegelForm(text: string, { backedUpHosts }: GoSpegelTraces): boolean {
  let added = 0
  let isKept = false
  for (const line of text.split('\n')) {
    const url = GO_SPEGEL_HOST.exec(line)?.groups?.['url']
    if (url !== undefined) {
      isKept = backedUpHosts.has(url)
      if (!isKept) added += 1
    } else if (!isKept && !GO_SPEGEL_LINE.test(line)) {
      return false
    }
  }
  return added > 0
}
