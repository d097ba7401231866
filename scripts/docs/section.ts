/** A part of a Markdown file that is made from the code, between two markers. */
export interface Section {
  /** Names the part in its markers. */
  readonly name: string
  readonly content: string
}

/**
 * `markdown` with a section made anew.
 * @throws {Error} where its markers are missing
 */
export function withSection(markdown: string, { name, content }: Section): string {
  const opening = `<!-- ${name}: made by npm run generate:docs -->`
  const closing = `<!-- end of ${name} -->`
  const start = markdown.indexOf(opening)
  const end = markdown.indexOf(closing, start)
  if (start === -1 || end === -1) throw new Error(`the markers of ${name} are gone`)
  return `${markdown.slice(0, start)}${opening}\n\n${content}\n\n${markdown.slice(end)}`
}

/** A table of Markdown; a bar in a cell is escaped. */
export function markdownTable(head: readonly string[], rows: readonly (readonly string[])[]): string {
  return [head, head.map(() => '---'), ...rows].map(tableRow).join('\n')
}

function tableRow(cells: readonly string[]): string {
  return `| ${cells.map(cell => cell.replaceAll('|', '\\|')).join(' | ')} |`
}
