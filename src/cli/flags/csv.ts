/**
 * One field and the comma or end after it; a quoted field may hold commas, and quotes written twice. A line feed may end the
 * record: variables that come from a file often have one.
 */
const FIELD = /(?:"((?:[^"]|"")*)"|([^",\r\n]*))(,|\r?\n$|$)/y

/**
 * The fields of one CSV record, as lists are written in environment variables.
 * @returns undefined where quotes don't pair up or a line ends outside of them
 * @see https://www.rfc-editor.org/rfc/rfc4180
 */
export function parseCsv(text: string): readonly string[] | undefined {
  const fields: string[] = []
  let position = 0
  for (;;) {
    FIELD.lastIndex = position
    const match = FIELD.exec(text)
    if (match === null) return undefined
    const [matched, quoted, plain = '', separator] = match
    fields.push(quoted?.replaceAll('""', '"') ?? plain)
    position += matched.length
    if (separator !== ',') return fields
  }
}
