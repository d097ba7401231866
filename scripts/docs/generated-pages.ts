import { readFile } from 'node:fs/promises'
import path from 'node:path'
import { valuesTable } from '../chart/values-table.ts'
import { flagsSection } from './flags-section.ts'
import { metricsSection } from './metrics-section.ts'
import { withSection } from './section.ts'

const ROOT = path.resolve(import.meta.dirname, '../..')

/** A page of the documentation as it is, and as the code wants it. */
export interface GeneratedPage {
  readonly file: string
  readonly current: string
  readonly wanted: string
}

async function page(name: string, section: string, content: string): Promise<GeneratedPage> {
  const file = path.join(ROOT, 'docs', name)
  const current = await readFile(file, 'utf8')
  return { file, current, wanted: withSection(current, { name: section, content }) }
}

/** The pages of which a part is made from flags, metrics and values. */
export async function generatedPages(): Promise<readonly GeneratedPage[]> {
  const values = await readFile(path.join(ROOT, 'charts/spegel/values.yaml'), 'utf8')
  return await Promise.all([
    page('flags.md', 'flags', flagsSection()),
    page('metrics.md', 'metrics', await metricsSection()),
    page('values.md', 'values', valuesTable(values)),
  ])
}
