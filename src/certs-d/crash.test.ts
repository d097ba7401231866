import assert from 'node:assert/strict'
import { cp } from 'node:fs/promises'
import path from 'node:path'
import { describe, test } from 'node:test'
import { inForce, type Layout, lay, snapshot, texts } from '../../test/certs-d/config-directory.ts'
import { Crash, FailingChanges, type Failure } from '../../test/certs-d/failing-changes.ts'
import { memoryDirectory } from '../../test/certs-d/memory-directory.ts'
import { LIVED_IN, options, REGISTRIES } from '../../test/certs-d/scenarios.ts'
import { MemoryLog } from '../../test/fakes/memory-log.ts'
import { configureMirrors } from './configure-mirrors.ts'
import { ConfigDirectoryError } from './errors.ts'
import { durableChanges, type FileChanges } from './file-changes.ts'
import { restoreConfiguration } from './restore-configuration.ts'

const { signal } = new AbortController()
const log = new MemoryLog()

type Work = (changes: FileChanges, directory: string) => Promise<void>

function configure(...given: Parameters<typeof options>): Work {
  return (changes, directory) => configureMirrors({ changes, log }, { ...options(...given), directory, signal })
}

const restore: Work = (changes, directory) => restoreConfiguration({ changes, log }, { directory, signal })

/** Without links to directories, the one thing that can't be replaced in one step. */
const { 'linked.example': _, ...UNLINKED } = LIVED_IN

interface Case {
  readonly name: string
  readonly before: Layout
  /** What was done before. */
  readonly prepare?: Work
  readonly run: Work
  /** Default: to die. */
  readonly failures?: readonly Failure[]
}

const DEATHS: readonly Failure[] = ['torn', 'done']
const ALL_FAILURES: readonly Failure[] = [...DEATHS, 'no room']

const MIRRORED = ['https://docker.io', 'http://r.example:5000', 'https://new.example', '_default']

const CASES: readonly Case[] = [
  { name: 'configuration of all', before: LIVED_IN, run: configure(['_default']), failures: ALL_FAILURES },
  { name: 'configuration of some', before: LIVED_IN, run: configure(MIRRORED.slice(0, 3)) },
  {
    name: 'configuration that keeps what is there',
    before: UNLINKED,
    run: configure(MIRRORED, { prependExisting: true }),
  },
  {
    name: 'configuration that no longer keeps what is there',
    before: UNLINKED,
    prepare: configure(MIRRORED, { prependExisting: true }),
    run: configure(['https://docker.io']),
  },
  {
    name: 'configuration that keeps again what was taken away',
    before: UNLINKED,
    prepare: configure(['https://docker.io', '_default']),
    run: configure(MIRRORED, { prependExisting: true }),
  },
  { name: 'cleanup', before: LIVED_IN, prepare: configure(MIRRORED), run: restore, failures: ALL_FAILURES },
  {
    name: 'cleanup of what was kept',
    before: UNLINKED,
    prepare: configure(MIRRORED, { prependExisting: true }),
    run: restore,
  },
]

async function copy(from: string, to: string): Promise<void> {
  await cp(from, to, { recursive: true, preserveTimestamps: true, verbatimSymlinks: true })
}

async function states(root: string): Promise<readonly string[]> {
  return await Promise.all(REGISTRIES.map(registry => inForce(root, registry)))
}

for (const each of CASES) {
  describe(`${each.name} that is cut short`, () => {
    for (const failure of each.failures ?? DEATHS) {
      test(`leaves what was or what shall be at each step (${failure}), loses nothing, and is completed`, async () => {
        await using directory = await memoryDirectory()
        const reference = path.join(directory.path, 'reference')
        await lay(path.join(directory.path, 'originals'), each.before)
        const originals = Object.values(await texts(path.join(directory.path, 'originals')))
        const prepared = path.join(directory.path, 'prepared')
        await lay(prepared, each.before)
        await each.prepare?.(durableChanges(), prepared)
        const old = await states(prepared)
        await copy(prepared, reference)
        const counting = new FailingChanges()
        await each.run(counting, reference)
        const fresh = await states(reference)
        const expected = await snapshot(reference)
        assert.ok(counting.steps > 5)
        for (const step of failure === 'torn' ? counting.creations : Array(counting.steps).keys()) {
          const root = path.join(directory.path, String(step))
          await copy(prepared, root)
          await assert.rejects(each.run(new FailingChanges(step, failure), root), (error: unknown) => {
            if (failure !== 'no room') return error instanceof Crash
            return error instanceof ConfigDirectoryError && error.message.includes('no space left on device')
          })
          const found = await states(root)
          for (const [index, registry] of REGISTRIES.entries()) {
            assert.ok(
              [old[index], fresh[index]].includes(found[index]),
              `step ${step}: ${registry} has ${found[index]}`,
            )
          }
          const kept = new Set(Object.values(await texts(root)))
          for (const text of originals) {
            assert.ok(kept.has(text), `step ${step}: lost ${text}`)
          }
          await each.run(durableChanges(), root)
          assert.deepEqual(await snapshot(root), expected, `step ${step}`)
        }
      })
    }
  })
}
