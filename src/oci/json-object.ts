/** A parsed JSON object whose members are not checked yet. */
export type JsonObject = Readonly<Record<string, unknown>>

/** Whether a parsed JSON value is an object: neither a list nor null. */
export function isJsonObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** What begins a value in a list or an object, or either of them. Strings may hold the same: they count as well. */
const STRUCTURE = [',', '[', '{'].map(character => character.charCodeAt(0))

/**
 * Parses UTF-8 JSON text that must be an object.
 * @param maxValues what takes long is not many bytes but many values, and nothing else runs meanwhile; default: no limit
 * @throws {SyntaxError | TypeError} where it is not JSON, not UTF-8, or not an object
 * @throws {RangeError} where it has more values than `maxValues`
 */
export function parseJsonObject(content: Uint8Array, maxValues = Number.POSITIVE_INFINITY): JsonObject {
  if (content.length > maxValues) checkStructure(content, maxValues)
  const value: unknown = JSON.parse(new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(content))
  if (!isJsonObject(value)) throw new TypeError('not a JSON object')
  return value
}

function checkStructure(content: Uint8Array, maxValues: number): void {
  let count = 0
  for (const byte of STRUCTURE) {
    for (let at = content.indexOf(byte); at !== -1; at = content.indexOf(byte, at + 1)) {
      count += 1
      if (count > maxValues) throw new RangeError(`more than ${maxValues} values`)
    }
  }
}
