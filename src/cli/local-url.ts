import { formatHostPort } from '../http/host-port.ts'
import type { Address } from './flags/address.ts'

/** Where a listener is reached from this machine. */
export function localUrl({ host, port }: Address): string {
  return `http://${formatHostPort({ host: reachableHost(host), port })}`
}

/** An address of this machine at which a listener on `host` is reached; empty stands for every address. */
export function reachableHost(host: string): string {
  if (host === '' || host === '0.0.0.0') return '127.0.0.1'
  return host === '::' ? '::1' : host
}
