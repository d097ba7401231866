import { CONFIG_PATH_FLAG } from '../configuration/config-path-flag.ts'
import { type FlagValues, required } from '../flags/flag.ts'
import { ADDRESS } from '../flags/kind.ts'

/** Flags of `spegel cleanup`, which are Go Spegel's. */
export const CLEANUP_FLAGS = {
  addr: required({
    name: 'addr',
    env: 'ADDR',
    kind: ADDRESS,
    help: 'where to answer /readyz once all is restored',
  }),
  containerdRegistryConfigPath: CONFIG_PATH_FLAG,
}

/** What `spegel cleanup` was asked to do. */
export type CleanupFlags = FlagValues<typeof CLEANUP_FLAGS>
