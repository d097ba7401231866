import { globSync, readFileSync } from 'node:fs'
import path from 'node:path'

export const ROOT = path.resolve(import.meta.dirname, '../..')

/** A fenced piece of a page. */
export interface CodeBlock {
  /** File and line, for messages. */
  readonly at: string
  readonly language: string
  /** What follows the language, such as `values` for values of the chart. */
  readonly use: string
  readonly text: string
}

/** A Markdown file of the project. */
export interface Page {
  /** Relative to the root of the project. */
  readonly file: string
  readonly text: string
  readonly blocks: readonly CodeBlock[]
  /** The text without its blocks. */
  readonly prose: string
}

const FENCE = /^(?<indent> *)```(?<language>\w*) *(?<use>\w*)\n(?<text>.*?)^\k<indent>```$/gms

export function parsePage(file: string, text: string): Page {
  const blocks = [...text.matchAll(FENCE)].map(({ index, groups = {} }) => ({
    at: `${file}:${text.slice(0, index).split('\n').length}`,
    language: groups['language'] ?? '',
    use: groups['use'] ?? '',
    text: (groups['text'] ?? '').replaceAll(new RegExp(`^${groups['indent']}`, 'gm'), ''),
  }))
  return { file, text, blocks, prose: text.replaceAll(FENCE, '') }
}

function pagesAt(...patterns: readonly string[]): readonly Page[] {
  return globSync([...patterns], { cwd: ROOT })
    .toSorted()
    .map(file => parsePage(file, readFileSync(path.join(ROOT, file), 'utf8')))
}

/** What tells people how to run the program. */
export const GUIDES = pagesAt('docs/*.md', 'README.md', 'charts/spegel/README.md')

/** Every page that people read. */
export const PAGES = [...GUIDES, ...pagesAt('ARCHITECTURE.md', 'CHANGELOG.md', 'CONTRIBUTING.md', 'SECURITY.md')]

/** Where a heading can be linked to, as GitHub makes it. */
export function anchorsOf({ prose }: Page): ReadonlySet<string> {
  const headings = [...prose.matchAll(/^#+ (.+)$/gm)].map(([, heading = '']) =>
    heading
      .toLowerCase()
      .replaceAll(/[^\p{L}\p{N}\s_-]/gu, '')
      .replaceAll(' ', '-'),
  )
  return new Set(headings)
}

/** Targets of the links of a page. */
export function linksOf({ prose }: Page): readonly string[] {
  return [...prose.matchAll(/\]\(([^)\s]+)\)/g)].map(([, target = '']) => target)
}

/** What a page has between backquotes. */
export function codeSpansOf({ prose }: Page): readonly string[] {
  return [...prose.matchAll(/`([^`\n]+)`/g)].map(([, span = '']) => span)
}

/** The command lines of a shell block that start with `program`, as words; comments, pipes and `&` end one. */
export function commandLines(text: string, program: string): readonly (readonly string[])[] {
  const lines = text.replaceAll(/\\\n\s*/g, ' ').split('\n')
  return lines.filter(line => line.startsWith(`${program} `)).map(line => wordsOf(line))
}

function wordsOf(line: string): readonly string[] {
  const words = line.match(/(?:'[^']*'|"[^"]*"|[^\s'"])+/g) ?? []
  const end = words.findIndex(word => /^(?:#|\||&|>|;)/.test(word))
  return (end === -1 ? words : words.slice(0, end)).map(word => word.replaceAll(/['"]/g, ''))
}
