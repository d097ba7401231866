import { InvalidPlatformError } from './errors.ts'

/** What an image is built for; the names are Go's. */
export interface Platform {
  readonly os: string
  readonly architecture: string
  /** Version of the architecture; where it is missing that of {@link DEFAULT_VARIANTS}, if any. */
  readonly variant?: string
}

const COMPONENT = /^[a-z0-9_.-]{1,64}$/

/** Other names of an architecture, as `uname -m` prints them. */
const ALIASES = new Map([
  ['x86_64', 'amd64'],
  ['aarch64', 'arm64'],
  ['i386', '386'],
])

/** What no variant means, as in containerd. */
const DEFAULT_VARIANTS = new Map([
  ['amd64', 'v1'],
  ['arm', 'v7'],
  ['arm64', 'v8'],
])

/**
 * Parses `os/architecture` or `os/architecture/variant`.
 * @throws {InvalidPlatformError}
 */
export function parsePlatform(text: string): Platform {
  const [os = '', architecture = '', variant, ...rest] = text.toLowerCase().split('/', 4)
  const parts = variant === undefined ? [os, architecture] : [os, architecture, variant]
  if (rest.length > 0 || !parts.every(part => COMPONENT.test(part))) throw new InvalidPlatformError(text)
  return { os, architecture: ALIASES.get(architecture) ?? architecture, ...(variant === undefined ? {} : { variant }) }
}

/** `os/architecture` or `os/architecture/variant`; {@link parsePlatform} reads it back. */
export function formatPlatform(platform: Platform): string {
  const { os, architecture, variant } = platform
  return variant === undefined ? `${os}/${architecture}` : `${os}/${architecture}/${variant}`
}

/** Whether an image for `candidate` runs on `wanted`: the same system, and no later version of the architecture. */
export function matchesPlatform(wanted: Platform, candidate: Platform): boolean {
  if (candidate.os !== wanted.os || candidate.architecture !== wanted.architecture) return false
  const have = variantOf(candidate)
  const want = variantOf(wanted)
  return have === want || versionOf(have) <= versionOf(want)
}

/** Of `descriptors`, the one that suits `wanted` best, the first of equals; undefined where none does. */
export function selectPlatform<T extends { readonly platform?: Platform }>(
  descriptors: readonly T[],
  wanted: Platform,
): T | undefined {
  let best: { readonly descriptor: T; readonly version: number } | undefined
  for (const descriptor of descriptors) {
    const { platform } = descriptor
    if (platform === undefined || !matchesPlatform(wanted, platform)) continue
    const version = versionOf(variantOf(platform))
    if (best === undefined || version > best.version) best = { descriptor, version }
  }
  return best?.descriptor
}

function variantOf(platform: Platform): string {
  return platform.variant ?? DEFAULT_VARIANTS.get(platform.architecture) ?? ''
}

/** NaN where the variant is not numbered: such variants match only themselves. */
function versionOf(variant: string): number {
  return /^v[0-9](?:\.[0-9])?$/.test(variant) ? Number(variant.slice(1)) : Number.NaN
}
