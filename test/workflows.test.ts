import assert from 'node:assert/strict'
import { globSync, readFileSync } from 'node:fs'
import path from 'node:path'
import { describe, test } from 'node:test'
import { parse, parseDocument } from 'yaml'

const ROOT = path.resolve(import.meta.dirname, '..')
/** A commit, and the release that it is. */
const PINNED = /^[\w.-]+\/[\w./-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+$/

interface Step {
  readonly uses?: string
  readonly run?: string
  readonly with?: Readonly<Record<string, unknown>>
}

interface Workflow {
  readonly permissions?: unknown
  readonly env?: Readonly<Record<string, string>>
  readonly jobs: Readonly<Record<string, { readonly 'timeout-minutes'?: number; readonly steps: readonly Step[] }>>
}

const read = (file: string): string => readFileSync(path.join(ROOT, file), 'utf8')
const files = globSync('.github/**/*.yml', { cwd: ROOT })
const workflows = files
  .filter(file => file.includes('workflows'))
  .map(file => ({ file, text: read(file), workflow: parse(read(file)) as Workflow }))
const stepsOf = ({ jobs }: Workflow): readonly Step[] => Object.values(jobs).flatMap(({ steps }) => steps)

test('there are workflows, and every file beside them is YAML', () => {
  assert.ok(workflows.length >= 2)
  for (const file of files) assert.deepEqual(parseDocument(read(file)).errors, [], file)
})

for (const { file, text, workflow } of workflows) {
  describe(file, () => {
    test('uses only actions that are pinned to a commit, and says of which release', () => {
      const uses = [...text.matchAll(/\buses: *(.+)$/gm)].map(([, action = '']) => action)
      assert.equal(uses.length, stepsOf(workflow).filter(({ uses }) => uses !== undefined).length)
      for (const action of uses) assert.match(action, PINNED)
    })

    test('asks for the rights that it needs, and ends', () => {
      assert.ok(workflow.permissions !== undefined)
      for (const job of Object.values(workflow.jobs)) assert.ok(job['timeout-minutes'] !== undefined)
    })

    test('leaves no token in the checkout', () => {
      const checkouts = stepsOf(workflow).filter(({ uses }) => uses?.startsWith('actions/checkout@'))
      assert.ok(checkouts.length > 0)
      for (const step of checkouts) assert.equal(step.with?.['persist-credentials'], false)
    })

    test('puts nothing into a script that the shell could take for code', () => {
      for (const { run = '' } of stepsOf(workflow)) assert.doesNotMatch(run, /\$\{\{/)
    })
  })
}

test('what is released is what the chart, its page and the guides name', () => {
  const { env = {} } = workflows.find(({ file }) => file.endsWith('release.yml'))?.workflow ?? {}
  const values = parse(read('charts/spegel/values.yaml'))
  assert.equal(env['IMAGE'], values.image.repository)
  assert.ok(read('docs/getting-started.md').includes(`oci://${env['CHARTS']}/spegel`))
})

test('what is updated by itself is there', () => {
  const { updates } = parse(read('.github/dependabot.yml'))
  const directories = updates
    .filter((update: Readonly<Record<string, string>>) => update['package-ecosystem'] === 'gomod')
    .flatMap((update: { readonly directories: readonly string[] }) => update.directories)
  const modules = globSync('test/**/go.mod', { cwd: ROOT }).map(file => `/${path.dirname(file)}`)
  assert.deepEqual(directories.toSorted(), modules.toSorted())
})
