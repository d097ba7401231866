import path from 'node:path'
import process from 'node:process'
import { setTimeout as delay } from 'node:timers/promises'
import { ChildProgram } from '../../test/e2e/containerd/child-program.ts'
import type { E2eNode } from '../../test/e2e/containerd/e2e-node.ts'
import { cpuMs, residentMiB } from '../process-usage.ts'
import type { DriverReport } from './claim-driver.ts'
import type { Stage } from './stage.ts'

const DRIVER = path.resolve(import.meta.dirname, 'claim-driver.ts')
const FLOOD = { perSecond: 10_000, seconds: 10, connections: 16 }
/** What a node claims in a busy moment. */
const BYSTANDER = { perSecond: 20, seconds: 10, connections: 1 }
const SAMPLING_MS = 100
/** How long the coordinator is left alone before its memory is read. */
const REST_MS = 5_000

export interface ClaimsFlood {
  readonly flooder: DriverReport
  readonly bystander: DriverReport
  /** The bystander before the flood. */
  readonly undisturbed: DriverReport
  /** Resident memory of the coordinator. */
  readonly residentMiB: { readonly before: number; readonly most: number; readonly after: number }
  readonly coordinatorCpuSeconds: number
}

/** One node claims without end at the first one, and another claims beside it. */
export async function claimsFlood(stage: Stage): Promise<ClaimsFlood> {
  const [coordinator, flooder, bystander] = [0, 1, 2].map(index => stage.node(index))
  if (coordinator === undefined || flooder === undefined || bystander === undefined) throw new Error('three are needed')
  const { url, program } = coordinator.spegel
  const undisturbed = await drive(bystander, url, BYSTANDER)
  const before = await residentMiB(program.pid)
  const cpuBefore = await cpuMs(program.pid)
  let most = before
  const over = new AbortController()
  const sample = async (): Promise<void> => {
    for (; !over.signal.aborted; await delay(SAMPLING_MS)) most = Math.max(most, await residentMiB(program.pid))
  }
  const flood = async () => {
    try {
      return await Promise.all([drive(flooder, url, FLOOD), drive(bystander, url, BYSTANDER)])
    } finally {
      over.abort()
    }
  }
  const [[flooded, beside]] = await Promise.all([flood(), sample()])
  const coordinatorCpuSeconds = ((await cpuMs(program.pid)) - cpuBefore) / 1000
  await delay(REST_MS)
  const after = await residentMiB(program.pid)
  return {
    flooder: flooded,
    bystander: beside,
    undisturbed,
    residentMiB: { before, most, after },
    coordinatorCpuSeconds,
  }
}

/** Claims at `url` as `node`, from its address. */
async function drive(
  node: E2eNode,
  url: string,
  { perSecond, seconds, connections }: typeof FLOOD,
): Promise<DriverReport> {
  const numbers = [perSecond, seconds, connections].map(String)
  const command = node.host.within([process.execPath, DRIVER, url, peerId(node), ...numbers])
  await using driver = ChildProgram.start('claim-driver', command)
  await driver.exit()
  const line = driver.output.split('\n').find(text => text.startsWith('{'))
  if (line === undefined) throw new Error(`the driver failed:\n${driver.output}`)
  return JSON.parse(line)
}

/** As the node says when it starts. */
function peerId({ spegel }: E2eNode): string {
  const line = spegel.log.find(({ msg }) => msg === 'running Spegel')
  const id = /\/p2p\/(?<id>[A-Za-z0-9]+)/.exec(JSON.stringify(line))?.groups?.['id']
  if (id === undefined) throw new Error('a node that did not say who it is')
  return id
}
