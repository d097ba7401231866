/** How a check came out. A warning is what works worse than it could, or can't be told from here. */
export type FindingStatus = 'ok' | 'warning' | 'failure'

/** What a check found; one line of the report. */
export interface Finding {
  /** Name of the check, for scripts. */
  readonly check: string
  readonly status: FindingStatus
  /** What is so, as a sentence without its full stop. */
  readonly summary: string
  /** What to do about it. */
  readonly remedy?: string
}

/** Makes the findings of one check. */
export function findingsOf(check: string) {
  return {
    ok: (summary: string): Finding => ({ check, status: 'ok', summary }),
    warning: (summary: string, remedy: string): Finding => ({ check, status: 'warning', summary, remedy }),
    failure: (summary: string, remedy: string): Finding => ({ check, status: 'failure', summary, remedy }),
  }
}
