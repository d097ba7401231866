import { CONFIG_PATH_FLAG } from '../configuration/config-path-flag.ts'
import { type FlagValues, optional, toggle, value } from '../flags/flag.ts'
import { PATH } from '../flags/kind.ts'
import { REGISTRY_FLAGS } from '../registry/flags.ts'

/** Flags of `spegel doctor`: those of the daemon, so that what is checked is what that is started with, and a few more. */
export const DOCTOR_FLAGS = {
  ...REGISTRY_FLAGS,
  containerdRegistryConfigPath: CONFIG_PATH_FLAG,
  containerdConfig: optional({
    name: 'containerd-config',
    kind: PATH,
    help: 'configuration file of containerd; default: the one that it runs with, or the usual one',
  }),
  hostRoot: value({
    name: 'host-root',
    kind: PATH,
    default: '/',
    help: 'where the files of the node are, in a container that has them elsewhere',
  }),
  json: toggle({ name: 'json', help: 'print JSON' }),
}

/** What `spegel doctor` was asked to do. */
export type DoctorFlags = FlagValues<typeof DOCTOR_FLAGS>
