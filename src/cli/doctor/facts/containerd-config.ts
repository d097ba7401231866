import { glob } from 'node:fs/promises'
import path from 'node:path'
import { parse, type TomlTable, type TomlValue } from 'smol-toml'
import { readBoundedFile } from '../../../files/read-bounded-file.ts'
import { ConfigFileError } from '../errors.ts'

/** Far more than any configuration has. */
const MAX_FILE_BYTES = 4 * 1024 * 1024
/** Files that one configuration may consist of. */
const MAX_FILES = 256

/** The plugin that pulls images, by the names it had: in files of version 1, of containerd 1, and of containerd 2. */
const IMAGES_PLUGIN_1 = 'cri'
const IMAGES_PLUGIN_2 = 'io.containerd.grpc.v1.cri'
const IMAGES_PLUGIN_3 = 'io.containerd.cri.v1.images'

/** What the configuration of a containerd says that matters to a mirror. */
export interface ContainerdConfig {
  /** Every file that it consists of, in the order in which they count: the last wins. */
  readonly files: readonly string[]
  /** Version of the first file's format. */
  readonly version: number
  /** Directories of hosts.toml files, the first that has one for a registry counts; none: hosts.toml files are ignored. */
  readonly configPaths: readonly string[]
  /** Whether layers are removed once they are unpacked. */
  readonly discardsLayers: boolean
  /** Whether the plugin pulls by itself, and does not leave that to the transfer service. */
  readonly pullsLocally: boolean
  /** Whether mirrors are configured in the old way too, which containerd refuses beside `config_path`. */
  readonly hasOldMirrors: boolean
}

export interface ReadConfigOptions {
  /** The first file, as containerd sees it. */
  readonly file: string
  /** Where containerd's root is seen from here. */
  readonly hostRoot: string
  /** Whether it is containerd 2 or later; undefined: as the version of the file has it. */
  readonly isContainerd2?: boolean | undefined
}

/**
 * Reads containerd's configuration as containerd does: files name others to import, with patterns; a plugin that a later
 * file configures is configured by that file alone; containerd 2 takes its plugins by their old names as well.
 * @throws {ConfigFileError} where a file can't be read or understood
 * @see https://github.com/containerd/containerd/blob/main/docs/man/containerd-config.toml.5.md
 */
export async function readContainerdConfig(options: ReadConfigOptions): Promise<ContainerdConfig> {
  const { file, hostRoot } = options
  const pending = [file]
  const files: string[] = []
  const plugins = new Map<string, TomlTable>()
  let version = 1
  let isContainerd2 = options.isContainerd2
  for (let next = pending.shift(); next !== undefined; next = pending.shift()) {
    if (files.includes(next)) continue
    if (files.length === MAX_FILES) throw new ConfigFileError(file, `imports more than ${MAX_FILES} files`)
    const table = await readToml(next, hostRoot)
    if (files.length === 0) {
      version = typeof table['version'] === 'number' ? table['version'] : 1
      isContainerd2 ??= version > 2
    }
    files.push(next)
    for (const [name, settings] of Object.entries(tableOf(table['plugins']))) {
      plugins.set(currentName(name, isContainerd2 === true), tableOf(settings))
    }
    pending.push(...(await importsOf(table, { parent: next, hostRoot, isContainerd2: isContainerd2 === true })))
  }
  const plugin = plugins.get(isContainerd2 === true ? IMAGES_PLUGIN_3 : IMAGES_PLUGIN_2) ?? {}
  const registry = tableOf(plugin['registry'])
  const discards = plugin['discard_unpacked_layers'] ?? tableOf(plugin['containerd'])['discard_unpacked_layers']
  return {
    files,
    version,
    configPaths: pathsOf(registry['config_path']),
    discardsLayers: discards === true,
    pullsLocally: plugin['use_local_image_pull'] === true,
    hasOldMirrors: Object.keys(tableOf(registry['mirrors'])).length > 0,
  }
}

function currentName(name: string, isContainerd2: boolean): string {
  const known = name === IMAGES_PLUGIN_1 ? IMAGES_PLUGIN_2 : name
  return isContainerd2 && known === IMAGES_PLUGIN_2 ? IMAGES_PLUGIN_3 : known
}

async function readToml(file: string, hostRoot: string): Promise<TomlTable> {
  let content: Buffer | undefined
  try {
    content = await readBoundedFile(path.join(hostRoot, file), MAX_FILE_BYTES)
  } catch (cause) {
    throw new ConfigFileError(file, 'cannot be read', { cause })
  }
  if (content === undefined) throw new ConfigFileError(file, 'does not exist')
  try {
    return parse(content.toString())
  } catch (cause) {
    throw new ConfigFileError(file, 'is no TOML', { cause })
  }
}

interface ImportOptions {
  /** The file that imports. */
  readonly parent: string
  readonly hostRoot: string
  readonly isContainerd2: boolean
}

/**
 * Paths of the files that `table` imports, as containerd sees them; a pattern yields what there is, in order. For containerd 1
 * a relative pattern is relative to its working directory, which service managers leave at the root.
 */
async function importsOf(
  table: TomlTable,
  { parent, hostRoot, isContainerd2 }: ImportOptions,
): Promise<readonly string[]> {
  const { imports } = table
  const entries = Array.isArray(imports) ? imports.filter(entry => typeof entry === 'string') : []
  const found: string[] = []
  for (const entry of entries) {
    const isPattern = entry.includes('*')
    const absolute = path.resolve(isPattern && !isContainerd2 ? '/' : path.dirname(parent), entry)
    if (!isPattern) found.push(absolute)
    else {
      const matches = await Array.fromAsync(glob(absolute.slice(1), { cwd: hostRoot }))
      found.push(
        ...matches
          .slice(0, MAX_FILES)
          .map(match => `/${match}`)
          .toSorted(),
      )
    }
  }
  return found
}

function pathsOf(value: TomlValue | undefined): readonly string[] {
  return typeof value === 'string' ? value.split(':').filter(part => part !== '') : []
}

function tableOf(value: TomlValue | undefined): TomlTable {
  const isTable = typeof value === 'object' && !Array.isArray(value) && !(value instanceof Date)
  return isTable ? value : {}
}
