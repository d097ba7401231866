import type { CommandContext } from '../command.ts'
import { ChecksFailedError } from './errors.ts'
import { examine } from './examine.ts'
import type { DoctorFlags } from './flags.ts'
import { renderReport, reportJson } from './report.ts'

/**
 * Checks this machine, and prints what is so and what to do.
 * @throws {ChecksFailedError} where a check failed
 */
export async function runDoctor(flags: DoctorFlags, { log, signal, stdout }: CommandContext): Promise<void> {
  const findings = await examine(flags, { log, signal })
  stdout.write(flags.json ? reportJson(findings) : renderReport(findings, { stream: stdout }))
  const failures = findings.filter(({ status }) => status === 'failure').length
  if (failures > 0) throw new ChecksFailedError(failures)
}
