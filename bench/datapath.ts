/**
 * What serving and relaying cost, paired with nginx and Debian's docker-registry in one run: CPU of the serving process, speed, memory,
 * and how long small requests wait beside large ones. Medians of interleaved rounds. What a machine lacks is skipped and
 * said to be. Needs `npm run build` and a C compiler for the client; `quick` is one short round.
 *
 * Run: npm run bench:datapath [-- [quick] [serve] [relay] [small] [slow]]    (default: all of them)
 */
import { spawnSync } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import process from 'node:process'
import { makeContent } from './datapath/content.ts'
import { Drain } from './datapath/drain.ts'
import { relay } from './datapath/relay.ts'
import type { Bench, Scenario } from './datapath/scenario.ts'
import { serve } from './datapath/serve.ts'
import { slowClients } from './datapath/slow-clients.ts'
import { smallRequests } from './datapath/small-requests.ts'
import { machine } from './statistics.ts'

const SCENARIOS: Readonly<Record<string, Scenario>> = { serve, relay, small: smallRequests, slow: slowClients }
const chosen = process.argv.slice(2).filter(name => name in SCENARIOS)
const isQuick = process.argv.includes('quick')

function has(program: string): boolean {
  return spawnSync('sh', ['-c', `command -v ${program}`]).status === 0
}

const say = (text: string): void => void process.stdout.write(`${text}\n\n`)

const directory = await mkdtemp(path.join(tmpdir(), 'spegel-bench-'))
try {
  if (has('cc')) {
    const rounds = isQuick ? 1 : 3
    const bench: Bench = {
      content: await makeContent(directory),
      drain: await Drain.build(directory),
      directory,
      rounds,
      seconds: isQuick ? 5 : 15,
      has,
    }
    say(`${machine()} before; medians of ${rounds}.`)
    for (const [name, scenario] of Object.entries(SCENARIOS)) {
      if (chosen.length === 0 || chosen.includes(name)) say(await scenario(bench))
    }
    say(`${machine()} after.`)
  } else {
    say('Skipped: there is no C compiler (cc) to make the client with.')
  }
} finally {
  await rm(directory, { recursive: true, force: true })
}
