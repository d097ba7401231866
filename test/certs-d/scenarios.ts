import type { ConfigureOptions } from '../../src/certs-d/configure-mirrors.ts'
import { parseRegistryUrl } from '../../src/oci/registry-url.ts'
import type { Layout } from './config-directory.ts'

/** A directory that people have lived in. */
export const LIVED_IN: Layout = {
  'docker.io/hosts.toml':
    'server = "https://docker.io"\n\n[host."https://old.example"]\n  ca = ["ca.crt"]\n  client = [["nested/tls.pem", ""]]\n',
  'docker.io/ca.crt': 'CA of old.example',
  'docker.io/nested/tls.pem': { text: 'key', mode: 0o600 },
  'ghcr.io/hosts.toml': { text: '[host."https://ghcr.mirror"]\n', mode: 0o640 },
  'r.example_5000_/hosts.toml': '[host."https://r.mirror"]\nca = "r.crt"\n',
  'r.example_5000_/r.crt': 'CA of r.mirror',
  'certs.example/ca.crt': 'CA of certs.example',
  'empty.example': null,
  'linked.example': '-> ghcr.io',
  'notes.txt': 'do not touch',
}

/** Registries whose configuration is followed through a crash. */
export const REGISTRIES = [
  'docker.io',
  'ghcr.io',
  'r.example:5000',
  'certs.example',
  'empty.example',
  'linked.example',
  'new.example',
  'other.example',
]

/** What to mirror, by URL; `_default` for all. */
export function options(
  urls: readonly string[],
  changes: Partial<ConfigureOptions> = {},
): Omit<ConfigureOptions, 'directory' | 'signal'> {
  return {
    registries: urls.map(url => (url === '_default' ? undefined : parseRegistryUrl(url))),
    use: { targets: ['http://127.0.0.1:5000', 'http://127.0.0.1:5001'], resolveTags: true },
    prependExisting: false,
    ...changes,
  }
}
