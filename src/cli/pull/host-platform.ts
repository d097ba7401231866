import { endianness } from 'node:os'
import type { Platform } from '../../oci/platform.ts'

/** Go's names where they differ from Node's. */
const SYSTEMS: Readonly<Record<string, string>> = { win32: 'windows', sunos: 'solaris' }
const ARCHITECTURES: Readonly<Record<string, string>> = {
  x64: 'amd64',
  ia32: '386',
  mipsel: 'mipsle',
  ...(endianness() === 'LE' ? { ppc64: 'ppc64le' } : {}),
}

/** The platform of this machine, in Go's names as images use them. */
export function hostPlatform(): Platform {
  return {
    os: SYSTEMS[process.platform] ?? process.platform,
    architecture: ARCHITECTURES[process.arch] ?? process.arch,
  }
}
