/**
 * Preloaded into a process (`--import`): watches its event loop, and tells on SIGUSR2, as a line of JSON on stdout, how long
 * it was away at most since the last time, and how much it computed in one go: what is missing it waited, such as for a processor.
 * Plain JavaScript, because to strip types would cost the process 20 MiB.
 */
import process from 'node:process'

const SAMPLING_MS = 2

let away = { wallMs: 0, cpuMs: 0 }
let last = sample()

function sample() {
  const { user, system } = process.threadCpuUsage()
  return { wallMs: performance.now(), cpuMs: (user + system) / 1000 }
}

function look() {
  const now = sample()
  away = {
    wallMs: Math.max(away.wallMs, now.wallMs - last.wallMs - SAMPLING_MS),
    cpuMs: Math.max(away.cpuMs, now.cpuMs - last.cpuMs),
  }
  last = now
}

setInterval(look, SAMPLING_MS).unref()
process.on('SIGUSR2', () => {
  process.stdout.write(`${JSON.stringify({ away })}\n`)
  away = { wallMs: 0, cpuMs: 0 }
})
