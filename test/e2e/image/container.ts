import { randomUUID } from 'node:crypto'
import { mkdirSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import type { UnpackedImage } from './unpacked-image.ts'

export interface ContainerOptions {
  /** Arguments after the entrypoint of the image. */
  readonly args: readonly string[]
  /** Stands in for the entrypoint of the image. */
  readonly entrypoint?: readonly string[]
  /** Directories of this machine that the container sees at the same path. */
  readonly writable?: readonly string[]
  readonly readable?: readonly string[]
  /** Hard limit. */
  readonly memoryBytes?: number
}

function bind(directory: string, access: 'ro' | 'rw') {
  return { destination: directory, source: directory, type: 'bind', options: ['rbind', access] }
}

/**
 * The command that runs a container of `image` under what the chart's securityContext asks for: root without
 * capabilities, no new privileges, a read-only root. The network is this machine's. Seccomp is left out: its default
 * profile belongs to the container runtime.
 *
 * @param scratch a directory that the bundle is written to
 */
export function containerCommand(image: UnpackedImage, scratch: string, options: ContainerOptions): readonly string[] {
  const { args, entrypoint = image.entrypoint, readable = [], writable = [], memoryBytes } = options
  const id = `spegel-test-${randomUUID()}`
  const bundle = path.join(scratch, id)
  mkdirSync(bundle)
  // runc mounts over directories that are there already, as the root is read-only.
  for (const directory of ['proc', 'dev', 'sys', ...readable, ...writable])
    mkdirSync(path.join(image.rootfs, directory), { recursive: true })
  const none: readonly string[] = []
  const config = {
    ociVersion: '1.0.2',
    root: { path: image.rootfs, readonly: true },
    process: {
      terminal: false,
      user: { uid: 0, gid: 0 },
      args: [...entrypoint, ...args],
      env: ['PATH=/nodejs/bin', ...image.env],
      cwd: '/app',
      noNewPrivileges: true,
      capabilities: { bounding: none, effective: none, permitted: none, inheritable: none, ambient: none },
    },
    mounts: [
      { destination: '/proc', type: 'proc', source: 'proc' },
      { destination: '/dev', type: 'tmpfs', source: 'tmpfs', options: ['nosuid', 'mode=755', 'size=65536k'] },
      { destination: '/sys', type: 'sysfs', source: 'sysfs', options: ['nosuid', 'noexec', 'nodev', 'ro'] },
      { destination: '/sys/fs/cgroup', type: 'cgroup', source: 'cgroup', options: ['nosuid', 'noexec', 'nodev', 'ro'] },
      ...readable.map(directory => bind(directory, 'ro')),
      ...writable.map(directory => bind(directory, 'rw')),
    ],
    linux: {
      namespaces: ['pid', 'ipc', 'uts', 'mount'].map(type => ({ type })),
      ...(memoryBytes === undefined ? {} : { resources: { memory: { limit: memoryBytes, swap: memoryBytes } } }),
    },
  }
  writeFileSync(path.join(bundle, 'config.json'), JSON.stringify(config))
  return ['runc', '--root', path.join(scratch, 'runc'), 'run', '--bundle', bundle, id]
}
