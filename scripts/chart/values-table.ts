import { isMap, isScalar, parseDocument, type YAMLMap } from 'yaml'

const START = '<!-- values: made by npm run generate:chart -->'
const END = '<!-- end of values -->'

interface Value {
  readonly name: string
  readonly fallback: unknown
  readonly description: string
}

/** The comment that starts with `--`, on one line. */
function descriptionOf(comment: string | null | undefined): string {
  return (comment ?? '').replace(/^\s*--\s*/, '').replaceAll(/\s*\n\s*/g, ' ')
}

/** Every value that is described, down to where the description is: a map below it is one value. */
function valuesOf(map: YAMLMap, at: string): readonly Value[] {
  return map.items.flatMap(({ key, value }, index) => {
    if (!isScalar(key)) throw new Error(`a key below ${at} is no text`)
    const name = `${at}${String(key.value)}`
    // The parser gives the comment of the first key to the map.
    const comment = key.commentBefore ?? (index === 0 ? map.commentBefore : undefined)
    if (isMap(value) && !/^\s*--/.test(comment ?? '')) return valuesOf(value, `${name}.`)
    const description = descriptionOf(comment)
    if (description === '') throw new Error(`${name} has no description: want a comment that starts with --`)
    const fallback: unknown = isMap(value) || !isScalar(value) ? toJson(value) : value.value
    return [{ name, fallback, description }]
  })
}

function toJson(node: unknown): unknown {
  return typeof node === 'object' && node !== null && 'toJSON' in node && typeof node.toJSON === 'function'
    ? node.toJSON()
    : node
}

/**
 * The table of the values of `values`, the text of values.yaml.
 * @throws {Error} where a value has no description
 */
export function valuesTable(values: string): string {
  const { contents } = parseDocument(values)
  if (!isMap(contents)) throw new Error('values.yaml holds no values')
  const rows = valuesOf(contents, '').map(
    ({ name, fallback, description }) =>
      `| \`${name}\` | \`${JSON.stringify(fallback)}\` | ${description.replaceAll('|', '\\|')} |`,
  )
  return ['| value | default | meaning |', '| --- | --- | --- |', ...rows].join('\n')
}

/**
 * `readme` with the table of values between its two markers made anew from `values`, the text of values.yaml.
 * @throws {Error} where a value has no description, or the markers are missing
 */
export function withValuesTable(readme: string, values: string): string {
  const start = readme.indexOf(START)
  const end = readme.indexOf(END)
  if (start === -1 || end < start) throw new Error('the markers of the table of values are gone')
  return `${readme.slice(0, start)}${START}\n${valuesTable(values)}\n${readme.slice(end)}`
}
