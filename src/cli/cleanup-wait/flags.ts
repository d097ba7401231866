import { parseAddress } from '../flags/address.ts'
import { type FlagValues, required, value } from '../flags/flag.ts'
import { DURATION, integer, type Kind } from '../flags/kind.ts'

/** A day of probes at the default period. */
const MAX_THRESHOLD = 43_200

/** Where probes go. */
export interface ProbeEndpoint {
  /** A name, or an IP address, IPv6 without brackets. */
  readonly host: string
  readonly port: number
}

const PROBE_ENDPOINT: Kind<ProbeEndpoint> = {
  placeholder: 'HOST:PORT',
  accepts: 'host:port, IPv6 in brackets',
  parse: parseEndpoint,
}

/** Flags of `spegel cleanup-wait`, which are Go Spegel's. */
export const CLEANUP_WAIT_FLAGS = {
  probeEndpoint: required({
    name: 'probe-endpoint',
    env: 'PROBE_ENDPOINT',
    kind: PROBE_ENDPOINT,
    help: 'where cleanup answers; every address of the host is asked',
  }),
  threshold: value({
    name: 'threshold',
    env: 'THRESHOLD',
    kind: integer(1, MAX_THRESHOLD),
    default: '3',
    help: 'how often in a row all addresses must answer',
  }),
  periodMs: value({
    name: 'period',
    env: 'PERIOD',
    kind: { ...DURATION, accepts: 'a duration above 0 such as 2s', parse: text => DURATION.parse(text) || undefined },
    default: '2s',
    help: 'time from one probe to the next',
  }),
}

/** What `spegel cleanup-wait` was asked to do. */
export type CleanupWaitFlags = FlagValues<typeof CLEANUP_WAIT_FLAGS>

/** Unlike an address to listen on, the host may not be left out, and a name may end in a dot. */
function parseEndpoint(text: string): ProbeEndpoint | undefined {
  const rooted = /\.(?=:\d+$)/
  const address = parseAddress(text.replace(rooted, ''))
  if (address === undefined || address.host === '' || address.port === 0) return undefined
  return { host: rooted.test(text) ? `${address.host}.` : address.host, port: address.port }
}
