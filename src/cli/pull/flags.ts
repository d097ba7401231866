import { parseImageName } from '../../oci/image-name.ts'
import { formatPlatform, parsePlatform } from '../../oci/platform.ts'
import { type FlagValues, optional, positional, required, value } from '../flags/flag.ts'
import { HTTP_URL, orUndefined, PATH } from '../flags/kind.ts'
import { hostPlatform } from './host-platform.ts'

/** Flags of `spegel pull`. */
export const PULL_FLAGS = {
  reference: positional({
    name: 'reference',
    kind: {
      placeholder: 'REFERENCE',
      accepts: 'an image name such as docker.io/library/busybox:1.37',
      parse: orUndefined(parseImageName),
    },
    help: 'the image, by tag or digest; docker.io and latest may be left out',
  }),
  mirror: optional({
    name: 'mirror',
    kind: HTTP_URL,
    help: 'mirror that is asked first, such as http://127.0.0.1:5000; may hold credentials',
  }),
  upstream: optional({
    name: 'upstream',
    kind: HTTP_URL,
    help: 'registry that is asked where the mirror has nothing; without it the one that the image names, by https',
  }),
  into: required({ name: 'into', kind: PATH, help: 'OCI image-layout directory to pull into; made if need be' }),
  platform: value({
    name: 'platform',
    kind: {
      placeholder: 'OS/ARCH',
      accepts: 'os/arch or os/arch/variant',
      parse: orUndefined(parsePlatform),
    },
    default: formatPlatform(hostPlatform()),
    help: 'which image of an index to pull',
  }),
}

/** What `spegel pull` was asked to do. */
export type PullFlags = FlagValues<typeof PULL_FLAGS>
