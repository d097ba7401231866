import { isIP } from 'node:net'

/**
 * The addresses that hosts(5) gives for `name`, in the order of the file.
 * @param hosts the text of `/etc/hosts`
 */
export function hostsAddresses(name: string, hosts: string): readonly string[] {
  const wanted = canonical(name)
  return hosts.split('\n').flatMap(line => {
    const [address = '', ...names] = line.replace(/#.*/, '').trim().split(/\s+/)
    return isIP(address) !== 0 && names.some(each => canonical(each) === wanted) ? [address] : []
  })
}

function canonical(name: string): string {
  return name.toLowerCase().replace(/\.$/, '')
}
