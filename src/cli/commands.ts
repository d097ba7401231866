import { type CommandEntry, defineCommand } from './command-entry.ts'
import { DEMO_FLAGS } from './demo/flags.ts'
import { PULL_FLAGS } from './pull/flags.ts'
import { checkRegistryFlags, REGISTRY_FLAGS } from './registry/flags.ts'
import { runVersion, VERSION_FLAGS } from './version/command.ts'

/** Every command. What a command is made of is loaded when it runs: the peer-to-peer stack alone takes 0.3 s. */
export const COMMANDS: readonly CommandEntry[] = [
  defineCommand({
    name: 'registry',
    summary: 'Run the mirror on this node.',
    table: REGISTRY_FLAGS,
    check: checkRegistryFlags,
    run: async (flags, context) => (await import('./registry/command.ts')).runRegistry(flags, context),
  }),
  defineCommand({
    name: 'pull',
    summary: 'Pull an image into an OCI image layout, as containerd pulls.',
    interactive: true,
    table: PULL_FLAGS,
    run: async (flags, context) => (await import('./pull/command.ts')).runPull(flags, context),
  }),
  defineCommand({
    name: 'demo',
    summary: 'Run a cluster on this machine and watch its nodes share an image.',
    interactive: true,
    table: DEMO_FLAGS,
    run: async (flags, context) => (await import('./demo/command.ts')).runDemo(flags, context),
  }),
  defineCommand({ name: 'version', summary: 'Print the version.', table: VERSION_FLAGS, run: runVersion }),
]

/** Commands of Go Spegel, and our own, that are refused by name until they exist. */
export const COMMANDS_TO_COME: readonly string[] = ['configuration', 'cleanup', 'cleanup-wait', 'status', 'doctor']
