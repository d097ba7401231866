import { type FlagValues, toggle } from '../flags/flag.ts'
import { REGISTRY_FLAGS } from '../registry/flags.ts'

/** Flags of `spegel status`. */
export const STATUS_FLAGS = {
  metricsAddr: { ...REGISTRY_FLAGS.metricsAddr, help: 'where metrics of the node listen' },
  json: toggle({ name: 'json', help: 'print JSON' }),
}

/** What `spegel status` was asked to do. */
export type StatusFlags = FlagValues<typeof STATUS_FLAGS>
