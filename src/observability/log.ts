import { type DestinationStream, pino } from 'pino'

/** Log levels as Go Spegel names them, least important first. */
export const LOG_LEVELS = ['DEBUG', 'INFO', 'WARN', 'ERROR'] as const
export type LogLevel = (typeof LOG_LEVELS)[number]

/** Values of a log line beside its message. An `error` is written with its name, code, message and causes. */
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
  readonly cause?: PlainError
}

/** How many nested causes a log line carries. */
const MAX_CAUSES = 4

function plainError(error: unknown, depth = 0): PlainError {
  if (!(error instanceof Error)) return { name: 'Error', message: String(error) }
  const code: unknown = Reflect.get(error, 'code')
  return {
    name: error.name,
    message: error.message,
    ...(typeof code === 'string' ? { code } : {}),
    ...(error.cause !== undefined && depth < MAX_CAUSES ? { cause: plainError(error.cause, depth + 1) } : {}),
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
