import { CLEANUP_FLAGS } from './cleanup/flags.ts'
import { CLEANUP_WAIT_FLAGS } from './cleanup-wait/flags.ts'
import { type CommandEntry, defineCommand } from './command-entry.ts'
import { CONFIGURATION_FLAGS, checkConfigurationFlags } from './configuration/flags.ts'
import { DEMO_FLAGS } from './demo/flags.ts'
import { DOCTOR_FLAGS } from './doctor/flags.ts'
import { PULL_FLAGS } from './pull/flags.ts'
import { checkRegistryFlags, REGISTRY_FLAGS } from './registry/flags.ts'
import { STATUS_FLAGS } from './status/flags.ts'
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
    name: 'configuration',
    summary: 'Make containerd ask mirrors first.',
    interactive: true,
    table: CONFIGURATION_FLAGS,
    check: checkConfigurationFlags,
    run: async (flags, context) => (await import('./configuration/command.ts')).runConfiguration(flags, context),
  }),
  defineCommand({
    name: 'cleanup',
    summary: 'Undo configuration, then answer that it is done.',
    table: CLEANUP_FLAGS,
    run: async (flags, context) => (await import('./cleanup/command.ts')).runCleanup(flags, context),
  }),
  defineCommand({
    name: 'cleanup-wait',
    summary: 'Wait until the cleanup of all nodes is done.',
    interactive: true,
    table: CLEANUP_WAIT_FLAGS,
    run: async (flags, context) => (await import('./cleanup-wait/command.ts')).runCleanupWait(flags, context),
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
    summary: 'Run a cluster on this machine that shares an image.',
    interactive: true,
    table: DEMO_FLAGS,
    run: async (flags, context) => (await import('./demo/command.ts')).runDemo(flags, context),
  }),
  defineCommand({
    name: 'doctor',
    summary: 'Check this node, and say what to do.',
    interactive: true,
    table: DOCTOR_FLAGS,
    run: async (flags, context) => (await import('./doctor/command.ts')).runDoctor(flags, context),
  }),
  defineCommand({
    name: 'status',
    summary: 'Show this node, its peers and what it serves.',
    interactive: true,
    table: STATUS_FLAGS,
    run: async (flags, context) => (await import('./status/command.ts')).runStatus(flags, context),
  }),
  defineCommand({ name: 'version', summary: 'Print the version.', table: VERSION_FLAGS, run: runVersion }),
]
