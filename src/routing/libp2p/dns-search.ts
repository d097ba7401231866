/** A resolver configuration with more search domains than this is cut; Kubernetes allows 32. */
const MAX_SEARCH_DOMAINS = 32
const DEFAULT_NDOTS = 1

/**
 * The names to ask for, in order, when someone says `name`, as resolv.conf(5) has it: relative names are looked for in the
 * search domains, before or after they are tried as they are. The result's names are absolute.
 * @param resolvConf the text of `/etc/resolv.conf`
 */
export function searchNames(name: string, resolvConf: string): readonly string[] {
  if (name.endsWith('.')) return [name]
  let domains: readonly string[] = []
  let ndots = DEFAULT_NDOTS
  for (const line of resolvConf.split('\n')) {
    const [keyword, ...words] = line.trim().split(/\s+/)
    if (keyword === 'search' || keyword === 'domain') domains = words.slice(0, MAX_SEARCH_DOMAINS)
    if (keyword === 'options') ndots = ndotsOf(words) ?? ndots
  }
  const qualified = domains.map(domain => absolute(domain === '.' ? name : `${name}.${domain}`))
  const isLong = name.split('.').length - 1 >= ndots
  const names = isLong ? [absolute(name), ...qualified] : [...qualified, absolute(name)]
  return [...new Set(names)]
}

function absolute(name: string): string {
  return name.endsWith('.') ? name : `${name}.`
}

function ndotsOf(options: readonly string[]): number | undefined {
  const value = options.find(option => /^ndots:\d+$/.test(option))?.slice('ndots:'.length)
  return value === undefined ? undefined : Number(value)
}
