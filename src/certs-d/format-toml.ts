import type { TomlTable, TomlValue } from 'smol-toml'

const BARE_KEY = /^[A-Za-z0-9_-]+$/
const BRACKET = /[[\]]/
/** What a basic string can't hold as it is, beside what JSON escapes anyway. */
const DELETE = /\u007f/g

/** `value` is a table, not a date or an array. */
export function isTomlTable(value: TomlValue | undefined): value is TomlTable {
  return typeof value === 'object' && !Array.isArray(value) && !(value instanceof Date)
}

/**
 * Writes a TOML document: the values of a table before its tables, both in their order, each table under a header of its
 * own. The same table always gives the same text, and reading it gives the table again. Integers are bigints, floats are
 * numbers.
 */
export function formatToml(table: TomlTable): string {
  return `${sections(table, [])
    .map(lines => lines.join('\n'))
    .join('\n\n')}\n`
}

/** The sections of a table, each a list of lines. */
function sections(table: TomlTable, path: readonly string[]): readonly (readonly string[])[] {
  const values: string[] = []
  const tables: (readonly string[])[] = []
  for (const [key, value] of Object.entries(table)) {
    if (isTomlTable(value)) tables.push(...sections(value, [...path, key]))
    else values.push(`${formatKey(key)} = ${formatTomlValue(value)}`)
  }
  if (path.length === 0) return values.length === 0 ? tables : [values, ...tables]
  // containerd asks hosts in the order of their headers, so that of `[host.…]` is written though it may hold tables only.
  const needsHeader = values.length > 0 || tables.length === 0 || path.length > 1
  return needsHeader ? [[`[${path.map(formatKey).join('.')}]`, ...values], ...tables] : tables
}

/** Writes a value in one line; a table in braces. */
export function formatTomlValue(value: TomlValue): string {
  if (Array.isArray(value)) return `[${value.map(formatTomlValue).join(', ')}]`
  if (isTomlTable(value)) {
    const pairs = Object.entries(value).map(([key, each]) => `${formatKey(key)} = ${formatTomlValue(each)}`)
    return pairs.length === 0 ? '{}' : `{ ${pairs.join(', ')} }`
  }
  if (value instanceof Date) return value.toISOString()
  if (typeof value === 'string') return formatString(value)
  return typeof value === 'number' ? formatFloat(value) : value.toString()
}

function formatFloat(value: number): string {
  if (Number.isNaN(value)) return 'nan'
  if (!Number.isFinite(value)) return value < 0 ? '-inf' : 'inf'
  const text = Object.is(value, -0) ? '-0' : String(value)
  return /^-?\d+$/.test(text) ? `${text}.0` : text
}

/**
 * Brackets are escaped: to go-toml 1, by which containerd 1 reads, the first one ends a header, quoted or not. It leaves
 * escapes as they are, so one before a host name makes it part of a path: with a backslash a host would be no URL.
 */
function formatKey(key: string): string {
  if (BARE_KEY.test(key)) return key
  const text = formatString(key)
  if (!BRACKET.test(text)) return text
  return text.replaceAll('[', '\\u005b').replaceAll(']', '\\u005d').replace('//', '/\\u002f')
}

/** JSON's escapes are among those of TOML. */
function formatString(text: string): string {
  return JSON.stringify(text).replaceAll(DELETE, '\\u007f')
}
