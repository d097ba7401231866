const UNIT_BYTES: Readonly<Record<string, number>> = {
  '': 1,
  B: 1,
  kB: 1e3,
  KB: 1e3,
  MB: 1e6,
  GB: 1e9,
  KiB: 2 ** 10,
  MiB: 2 ** 20,
  GiB: 2 ** 30,
}

const FORM = /^(\d+(?:\.\d+)?)([A-Za-z]*)$/

/** Bytes of `20MB` (powers of 1000), `20MiB` (powers of 1024) or a plain number; undefined for anything else. */
export function parseByteSize(text: string): number | undefined {
  const [, count, unit = ''] = FORM.exec(text) ?? []
  const unitBytes = Object.hasOwn(UNIT_BYTES, unit) ? UNIT_BYTES[unit] : undefined
  if (count === undefined || unitBytes === undefined) return undefined
  const bytes = Math.round(Number(count) * unitBytes)
  return Number.isSafeInteger(bytes) ? bytes : undefined
}
