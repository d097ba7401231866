/** A parsed JSON object whose members are not checked yet. */
export type JsonObject = Readonly<Record<string, unknown>>

/** Whether a parsed JSON value is an object: neither a list nor null. */
export function isJsonObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/**
 * Parses UTF-8 JSON text that must be an object.
 * @throws {SyntaxError | TypeError} where it is not JSON, not UTF-8, or not an object
 */
export function parseJsonObject(content: Uint8Array): JsonObject {
  const value: unknown = JSON.parse(new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(content))
  if (!isJsonObject(value)) throw new TypeError('not a JSON object')
  return value
}
