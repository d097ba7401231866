import { readFile, writeFile } from 'node:fs/promises'

/** Resident memory of a process. */
export async function residentMiB(pid: number): Promise<number> {
  const status = await readFile(`/proc/${pid}/status`, 'utf8')
  return Number(/^VmRSS:\s+(\d+) kB$/m.exec(status)?.[1]) / 1024
}

/** User and system time of a process so far; /proc counts in ticks of 10 ms. */
export async function cpuMs(pid: number): Promise<number> {
  const fields = await statFields(pid)
  return (Number(fields[11]) + Number(fields[12])) * 10
}

/** How often a process has had to wait for a page from disk. */
export async function majorFaults(pid: number): Promise<number> {
  return Number((await statFields(pid))[9])
}

/** What `/proc` says of a process, from its state on. */
async function statFields(pid: number): Promise<readonly string[]> {
  return (await readFile(`/proc/${pid}/stat`, 'utf8')).split(') ')[1]?.split(' ') ?? []
}

/** The most memory that a process had resident since {@link forgetPeak}, or since it started. */
export async function peakMiB(pid: number): Promise<number> {
  const status = await readFile(`/proc/${pid}/status`, 'utf8')
  return Number(/^VmHWM:\s+(\d+) kB$/m.exec(status)?.[1]) / 1024
}

export async function forgetPeak(pid: number): Promise<void> {
  await writeFile(`/proc/${pid}/clear_refs`, '5')
}
