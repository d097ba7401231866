const UNIT_MS: Readonly<Record<string, number>> = {
  ns: 1e-6,
  us: 1e-3,
  µs: 1e-3,
  μs: 1e-3,
  ms: 1,
  s: 1000,
  m: 60_000,
  h: 3_600_000,
}

const PART = /(\d+\.?\d*|\.\d+)(ns|us|µs|μs|ms|s|m|h)/gy

/** Longest accepted duration: what a timer of Node can wait, about 24.8 days. */
export const MAX_DURATION_MS = 2 ** 31 - 1

/**
 * Milliseconds of a Go-style duration: numbers with units (`20ms`, `1m30s`, `1.5h`), or `0`.
 * @returns undefined where it is malformed, negative or longer than {@link MAX_DURATION_MS}
 * @see https://pkg.go.dev/time#ParseDuration
 */
export function parseDuration(text: string): number | undefined {
  if (text === '0') return 0
  let sumMs = 0
  let end = 0
  for (const part of text.matchAll(PART)) {
    const [matched, count = '', unit = ''] = part
    sumMs += Number(count) * (UNIT_MS[unit] ?? Number.NaN)
    end = part.index + matched.length
  }
  return end > 0 && end === text.length && sumMs <= MAX_DURATION_MS ? sumMs : undefined
}
