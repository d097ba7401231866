import { until } from '../until.ts'
import type { RegistryProcess } from './registry-process.ts'

/** Status of `/readyz`, which both listeners have to agree on. */
export async function readiness({ url, metricsUrl }: RegistryProcess): Promise<number> {
  const statuses = await Promise.all(
    [url, metricsUrl].map(async base => {
      const response = await fetch(`${base}/readyz`)
      await response.body?.cancel()
      return response.status
    }),
  )
  if (statuses[0] === undefined || statuses[0] !== statuses[1]) throw new Error(`readyz says ${statuses.join(' and ')}`)
  return statuses[0]
}

/** Sum of a metric over its series with these labels; 0 where there are none. */
export async function metric(
  { metricsUrl }: RegistryProcess,
  name: string,
  labels: Readonly<Record<string, string>> = {},
): Promise<number> {
  return metricOf(await (await fetch(`${metricsUrl}/metrics`)).text(), name, labels)
}

/** As {@link metric}, of what `/metrics` answered. */
export function metricOf(text: string, name: string, labels: Readonly<Record<string, string>> = {}): number {
  const wanted = Object.entries(labels).map(([label, value]) => `${label}="${value}"`)
  return text
    .split('\n')
    .filter(line => line.startsWith(`${name} `) || line.startsWith(`${name}{`))
    .filter(line => wanted.every(label => line.includes(label)))
    .reduce((sum, line) => sum + Number(line.slice(line.lastIndexOf(' '))), 0)
}

/** The log messages so far that have to do with bootstrap, in order. */
export function bootstrapMessages(node: RegistryProcess): readonly unknown[] {
  return node.log
    .filter(({ level }) => level !== 'DEBUG')
    .map(({ msg }) => msg)
    .filter(msg => typeof msg === 'string' && msg.includes('bootstrap'))
}

/** Waits until a node listens, ready or not. */
export async function listening(node: RegistryProcess): Promise<void> {
  await until(() => timesLogged(node, 'running Spegel') > 0)
}

/** How often the log says `message`, at any level. */
export function timesLogged(node: RegistryProcess, message: string): number {
  return node.log.filter(({ msg }) => msg === message).length
}
