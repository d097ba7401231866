import { spawnSync } from 'node:child_process'
import process from 'node:process'

const MARK = 'SPEGEL_E2E_SANDBOX'
/** The kernel removes all of it once its first process is gone, however that went. */
const NAMESPACES = ['--net', '--mount', '--pid', '--fork', '--kill-child', '--mount-proc']
/** The first process stays: it collects what the others leave, as Node would not. */
const SETUP = `set -e
mount -t tmpfs sandbox /run
mkdir /run/tmp
cp /etc/hosts /run/hosts
mount --bind /run/hosts /etc/hosts
ip link set lo up
"$@"
exit $?`

/** Where files go that vanish with the sandbox; in memory. */
export const SANDBOX_FILES = '/run/tmp'

/** For a test's `skip`: the reason where sandboxes can't be made. */
export function unlessSandbox(): string | false {
  if (process.getuid?.() !== 0) return 'needs root to make namespaces'
  const [program = '', ...args] = sandboxed(['true'])
  return spawnSync(program, args).status === 0 ? false : 'namespaces cannot be made'
}

/** Whether this process runs in a sandbox. */
export function isSandboxed(): boolean {
  return process.env[MARK] !== undefined
}

/**
 * Runs this process' script again in a sandbox, and ends as it ended: network, mounts and processes of its own. A test runner
 * that started this process gets the results, as standard output is shared.
 */
export function enterSandbox(): void {
  const [program = '', ...args] = sandboxed([process.execPath, ...process.execArgv, ...process.argv.slice(1)])
  const { status } = spawnSync(program, args, {
    stdio: 'inherit',
    env: { ...process.env, [MARK]: '1', TMPDIR: SANDBOX_FILES },
  })
  process.exitCode = status ?? 1
}

function sandboxed(command: readonly string[]): readonly string[] {
  return ['setpriv', '--pdeathsig=KILL', 'unshare', ...NAMESPACES, 'sh', '-c', SETUP, 'sandbox', ...command]
}
