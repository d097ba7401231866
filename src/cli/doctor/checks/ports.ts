import { formatHostPort } from '../../../http/host-port.ts'
import type { Address } from '../../flags/address.ts'
import { type Finding, findingsOf } from '../finding.ts'

const { ok, failure } = findingsOf('ports')

export interface PortsFacts {
  /** Flag → where the daemon listens. */
  readonly addresses: Readonly<Record<string, Address>>
  /** Whether a daemon runs here, which has them. */
  readonly isRunning: boolean
  readonly isTaken: (address: Address) => Promise<boolean>
}

/** Whether the daemon has its ports, or can have them. */
export async function checkPorts({ addresses, isRunning, isTaken }: PortsFacts): Promise<readonly Finding[]> {
  const all = Object.entries(addresses)
  if (isRunning)
    return [ok(`the daemon has its ports: ${all.map(([, address]) => formatHostPort(address)).join(', ')}`)]
  const findings: Finding[] = []
  for (const [flag, address] of all) {
    if (!(await isTaken(address))) continue
    findings.push(
      failure(
        `${formatHostPort(address)} is taken, and not by Spegel`,
        `end what listens there (ss -ltnp names it), or give another port with ${flag}`,
      ),
    )
  }
  return findings.length > 0 ? findings : [ok('the ports that the daemon needs are free')]
}
