import { createMetrics } from '../../src/observability/metrics.ts'
import { markdownTable } from './section.ts'

/** A metric that the program defines, without those of the Node.js process. */
export interface MetricDescription {
  readonly name: string
  readonly type: string
  readonly labels: readonly string[]
  readonly help: string
}

/** Text and names that the library keeps of a metric. */
function describe(metric: object): Omit<MetricDescription, 'type'> | undefined {
  if (!('name' in metric && 'help' in metric && 'labelNames' in metric)) return undefined
  const { name, help, labelNames } = metric
  if (typeof name !== 'string' || typeof help !== 'string' || !Array.isArray(labelNames)) return undefined
  return { name, help, labels: labelNames.map(String) }
}

/** The metrics of a node, in the order in which the code defines them. */
export async function describeMetrics(): Promise<readonly MetricDescription[]> {
  const metrics = createMetrics()
  const { text } = await metrics.render()
  const types = new Map([...text.matchAll(/^# TYPE (\S+) (\S+)$/gm)].map(([, name = '', type = '']) => [name, type]))
  return metrics
    .all()
    .flatMap(metric => describe(metric) ?? [])
    .filter(({ name }) => !/^(?:process|nodejs)_/.test(name))
    .map(({ name, help, labels }) => ({ name, type: types.get(name) ?? 'unknown', labels, help }))
}

/** A table of them. */
export async function metricsSection(): Promise<string> {
  const rows = (await describeMetrics()).map(({ name, type, labels, help }) => [
    `\`${name}\``,
    type,
    labels.map(label => `\`${label}\``).join(', '),
    help,
  ])
  return markdownTable(['metric', 'type', 'labels', 'meaning'], rows)
}
