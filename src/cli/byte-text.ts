const UNITS = ['B', 'kB', 'MB', 'GB', 'TB'] as const

/** `bytes` in three digits or so, in powers of 1000: `60.0 MB`. */
export function formatBytes(bytes: number): string {
  let amount = bytes
  let unit: string = UNITS[0]
  for (const next of UNITS.slice(1)) {
    // 999.95 would be rounded up to four digits.
    if (amount < 999.95) break
    amount /= 1000
    unit = next
  }
  return `${unit === 'B' ? amount : amount.toFixed(1)} ${unit}`
}

/** Bytes per second, as {@link formatBytes} writes bytes. */
export function formatRate(bytes: number, seconds: number): string {
  return `${formatBytes(seconds > 0 ? Math.round(bytes / seconds) : 0)}/s`
}
