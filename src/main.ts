/** Entry of the program: the process on one side, `runProgram` on the other. Kept to syntax that an old Node reads. */
import process from 'node:process'
import { setFlagsFromString } from 'node:v8'

const REQUIRED_NODE_MAJOR = 24

if (Number.parseInt(process.versions.node, 10) < REQUIRED_NODE_MAJOR) {
  process.stderr.write(`spegel needs Node.js ${REQUIRED_NODE_MAJOR} or newer, this is ${process.version}\n`)
  process.exit(1)
}

// A daemon shares its node with the pods it serves, under a memory limit: a small young generation and eager collection
// are worth their CPU. Set before anything is loaded, because V8 keeps what it has grown to by then.
setFlagsFromString('--optimize-for-size')

const { reportUnexpected, runProgram } = await import('./cli/program.ts')
const { ShutdownError, interruptedStatus, SHUTDOWN_SIGNALS } = await import('./cli/interrupt.ts')

const shutdown = new AbortController()
// A terminal that closes ends what runs in it; without one, `nohup` may have asked for the opposite.
for (const name of process.stderr.isTTY ? ([...SHUTDOWN_SIGNALS, 'SIGHUP'] as const) : SHUTDOWN_SIGNALS) {
  process.on(name, () => {
    // The first one is a request, the second an order.
    if (shutdown.signal.aborted) process.exit(interruptedStatus(shutdown.signal))
    shutdown.abort(new ShutdownError(name))
  })
}

for (const event of ['uncaughtException', 'unhandledRejection'] as const) {
  process.on(event, (error: unknown) => {
    reportUnexpected(error)
    process.exit(1)
  })
}

// Whoever read the output is gone, as after `spegel … | head`: nobody is left to work for.
for (const stream of [process.stdout, process.stderr]) {
  stream.on('error', () => shutdown.abort(new ShutdownError('SIGTERM')))
}

process.exit(
  await runProgram({
    args: process.argv.slice(2),
    env: process.env,
    stdout: process.stdout,
    stderr: process.stderr,
    signal: shutdown.signal,
  }),
)
