import { proxyFor } from '../../../http/proxy-for.ts'
import { type Finding, findingsOf } from '../finding.ts'

const { ok, warning, failure } = findingsOf('proxy')

export interface ProxyFacts {
  /** URLs of the mirrors that containerd asks. */
  readonly mirrors: readonly string[]
  /** Environment of containerd; undefined where it can't be seen. */
  readonly env: Readonly<Record<string, string>> | undefined
}

/** Whether containerd asks the mirror itself, and not a proxy for it. */
export function checkProxy({ mirrors, env }: ProxyFacts): Finding {
  if (env === undefined) {
    return warning(
      'whether containerd has a proxy can’t be told: its process can’t be seen from here',
      'run this on the node, as root',
    )
  }
  for (const mirror of mirrors) {
    const url = URL.parse(mirror)
    const proxy = url === null ? undefined : proxyFor(url, { ...env })
    if (url === null || proxy === undefined) continue
    return failure(
      `containerd asks the proxy ${proxy.host} for the mirror at ${url.host}`,
      `add ${url.hostname} to NO_PROXY in the environment of containerd, and restart it`,
    )
  }
  return ok('containerd asks the mirror without a proxy')
}
