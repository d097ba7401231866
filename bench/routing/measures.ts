import process from 'node:process'
import type { DrivenNode } from '../../test/interop/driven-node.ts'

/** Figures of one round by what they tell, in the order of the rows. A round takes minutes, so each is told at once. */
export class Figures extends Map<string, number> {
  override set(name: string, value: number): this {
    process.stderr.write(`${name}: ${value.toFixed(2)}\n`)
    return super.set(name, value)
  }
}

export async function seconds(action: () => Promise<unknown>): Promise<number> {
  const started = performance.now()
  await action()
  return (performance.now() - started) / 1000
}

/** How many of `keys` a node finds, in percent. */
export async function foundPercent(node: DrivenNode, keys: readonly string[]): Promise<number> {
  const holders = await node.find(keys)
  return (100 * holders.filter(each => each.length > 0).length) / keys.length
}
