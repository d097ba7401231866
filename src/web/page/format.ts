const UNITS = ['B', 'kB', 'MB', 'GB', 'TB'] as const

/** Bytes in three digits or so, in powers of 1000. */
export function bytes(amount: number): string {
  let rest = amount
  let unit: string = UNITS[0]
  for (const next of UNITS.slice(1)) {
    if (rest < 999.95) break
    rest /= 1000
    unit = next
  }
  return `${unit === 'B' ? Math.round(rest) : rest.toFixed(1)} ${unit}`
}

export function rate(bytesPerSecond: number): string {
  return `${bytes(bytesPerSecond)}/s`
}

export function duration(ms: number): string {
  if (ms < 1000) return `${ms.toFixed(ms < 10 ? 1 : 0)} ms`
  return `${(ms / 1000).toFixed(1)} s`
}

export function timeOfDay(time: number): string {
  return new Date(time).toLocaleTimeString()
}

/** The end of a long name, which tells more than its beginning. */
export function shortDigest(digest: string): string {
  return digest.replace(/(sha(?:256|512):[0-9a-f]{12})[0-9a-f]+/, '$1…')
}

export function sum(numbers: Iterable<number>): number {
  let total = 0
  for (const each of numbers) total += each
  return total
}
