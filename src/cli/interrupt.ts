import { constants } from 'node:os'

/** Signals that shut the program down. */
export const SHUTDOWN_SIGNALS = ['SIGINT', 'SIGTERM'] as const

/** Why the root signal aborted: somebody wants the program to end. */
export class ShutdownError extends Error {
  readonly code = 'SHUTDOWN'
  readonly signalName: NodeJS.Signals

  constructor(signalName: NodeJS.Signals) {
    super(`ended by ${signalName}`)
    this.name = 'ShutdownError'
    this.signalName = signalName
  }
}

/** Exit status of a command whose work `signal` cut short: 128 + the number of the operating system's signal. */
export function interruptedStatus(signal: AbortSignal): number {
  const name = signal.reason instanceof ShutdownError ? signal.reason.signalName : 'SIGTERM'
  return 128 + constants.signals[name]
}

/** Whether `error` is only the consequence of `signal` having aborted. */
export function isConsequenceOf(signal: AbortSignal, error: unknown): boolean {
  if (!signal.aborted) return false
  return error === signal.reason || (error instanceof Error && error.name === 'AbortError')
}
