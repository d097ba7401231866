import { inspect } from 'node:util'
import { type DestinationStream, pino } from 'pino'

/** Log levels as Go Spegel names them, least important first. */
export const LOG_LEVELS = ['DEBUG', 'INFO', 'WARN', 'ERROR'] as const
export type LogLevel = (typeof LOG_LEVELS)[number]

/**
 * Values of a log line beside its message. An `error` is written with its name, message, code and causes, and with its
 * stack where it has no code.
 */
export type LogFields = Readonly<Record<string, unknown>>

/** Structured logger: one JSON object a line with `time`, `level` and `msg`. */
export interface Log {
  debug(message: string, fields?: LogFields): void
  info(message: string, fields?: LogFields): void
  warn(message: string, fields?: LogFields): void
  error(message: string, fields?: LogFields): void
  /** A logger that adds `fields` to each of its lines. */
  with(fields: LogFields): Log
}

interface PlainError {
  readonly name: string
  readonly message: string
  readonly code?: string
  readonly stack?: string
  readonly errors?: readonly PlainError[]
  readonly cause?: PlainError
}

/** How deep a log line follows causes, which may be circular. */
const MAX_CAUSES = 4
/** How many parts of an aggregate error, such as one for each address that was dialled, a log line carries. */
const MAX_AGGREGATED = 4

/** An error with a code is expected and told by it; one without is a defect, and its stack says where. */
function plainError(error: unknown, depth = 0): PlainError {
  if (!(error instanceof Error)) {
    return { name: 'Error', message: typeof error === 'string' ? error : inspect(error, { depth: 1 }) }
  }
  const { name, message, stack, cause } = error
  const code: unknown = Reflect.get(error, 'code')
  const parts: readonly unknown[] = error instanceof AggregateError ? error.errors.slice(0, MAX_AGGREGATED) : []
  const deeper = depth < MAX_CAUSES
  return {
    name,
    message,
    ...(typeof code === 'string' ? { code } : stack === undefined ? {} : { stack }),
    ...(deeper && parts.length > 0 ? { errors: parts.map(part => plainError(part, depth + 1)) } : {}),
    ...(deeper && cause !== undefined ? { cause: plainError(cause, depth + 1) } : {}),
  }
}

/**
 * Makes a logger that writes lines at or above `level`.
 * @param destination default: stderr, synchronously, so that the last line before an exit is not lost
 */
export function createLog(
  level: LogLevel,
  destination: DestinationStream = pino.destination({ fd: 2, sync: true }),
): Log {
  const logger = pino(
    {
      level: level.toLowerCase(),
      base: null,
      messageKey: 'msg',
      timestamp: () => `,"time":"${new Date().toISOString()}"`,
      formatters: { level: label => ({ level: label.toUpperCase() }) },
      serializers: { error: plainError },
    },
    destination,
  )
  const wrap = (inner: typeof logger): Log => ({
    debug: (message, fields) => inner.debug(fields, message),
    info: (message, fields) => inner.info(fields, message),
    warn: (message, fields) => inner.warn(fields, message),
    error: (message, fields) => inner.error(fields, message),
    with: fields => wrap(inner.child({ ...fields })),
  })
  return wrap(logger)
}
