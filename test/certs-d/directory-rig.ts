import path from 'node:path'
import { configureMirrors } from '../../src/certs-d/configure-mirrors.ts'
import { durableChanges, type FileChanges } from '../../src/certs-d/file-changes.ts'
import { restoreConfiguration } from '../../src/certs-d/restore-configuration.ts'
import { MemoryLog } from '../fakes/memory-log.ts'
import { type Layout, lay, snapshot, texts } from './config-directory.ts'
import { memoryDirectory } from './memory-directory.ts'
import { options } from './scenarios.ts'

/** A configuration directory and what is done to it. */
export interface DirectoryRig extends AsyncDisposable {
  readonly root: string
  readonly log: MemoryLog
  lay(layout: Layout): Promise<void>
  configure(...given: Parameters<typeof options>): Promise<void>
  restore(): Promise<void>
  snapshot(): ReturnType<typeof snapshot>
  texts(): ReturnType<typeof texts>
}

/** A rig whose directory has `layout`, or is not there. */
export async function directoryRig(layout?: Layout, changes: FileChanges = durableChanges()): Promise<DirectoryRig> {
  const directory = await memoryDirectory()
  const root = path.join(directory.path, 'etc', 'certs.d')
  const log = new MemoryLog()
  const { signal } = new AbortController()
  if (layout !== undefined) await lay(root, layout)
  return {
    root,
    log,
    lay: more => lay(root, more),
    configure: (...given) => configureMirrors({ changes, log }, { ...options(...given), directory: root, signal }),
    restore: () => restoreConfiguration({ changes, log }, { directory: root, signal }),
    snapshot: () => snapshot(root),
    texts: () => texts(root),
    [Symbol.asyncDispose]: () => directory[Symbol.asyncDispose](),
  }
}
