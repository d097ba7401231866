import { spawnSync } from 'node:child_process'
import process from 'node:process'

/** For a test's `skip`: the reason where a process can't be given files of its own. */
export function unlessMountNamespaces(): string | false {
  if (process.getuid?.() !== 0) return 'needs root to make mount namespaces'
  const { status } = spawnSync('unshare', ['--mount', 'mount', '--bind', '/dev/null', '/etc/resolv.conf'])
  return status === 0 ? false : 'mount namespaces cannot be made'
}

/** Command lines that run others with `file` as their `/etc/resolv.conf`, seen by no other process. */
export function withResolvConf(file: string): (command: readonly string[]) => readonly string[] {
  const script = 'mount --bind "$0" /etc/resolv.conf && exec "$@"'
  return command => ['unshare', '--mount', 'sh', '-c', script, file, ...command]
}
