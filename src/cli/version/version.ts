import { readFileSync } from 'node:fs'

/** Set by the bundler; the sources run without it. */
declare const __SPEGEL_VERSION__: string | undefined

/** Version of this program, as package.json says. */
export function programVersion(): string {
  if (typeof __SPEGEL_VERSION__ === 'string') return __SPEGEL_VERSION__
  const file: unknown = JSON.parse(readFileSync(new URL('../../../package.json', import.meta.url), 'utf8'))
  const version: unknown = typeof file === 'object' && file !== null ? Reflect.get(file, 'version') : undefined
  return typeof version === 'string' ? version : 'unknown'
}
