import { quote } from '../../oci/errors.ts'
import { BOOLEAN, type Kind } from './kind.ts'
import { UsageError } from './usage-error.ts'

/**
 * How many texts a flag takes: `value` one, `list` all up to the next flag, `switch` only one after `=`, and `choice` one or
 * none; a switch or choice without a text means `true`. `positional` is what has no name.
 */
export type Shape = 'value' | 'list' | 'switch' | 'choice' | 'positional'

/** What was given for one flag. */
export interface Given {
  /** Where, as messages name it: the flag or the environment variable. */
  readonly source: string
  /** One text, or any number of a list. */
  readonly texts: readonly string[]
}

/** One row of a flags table; yields a `T`. */
export interface Flag<T> {
  /** Without dashes. */
  readonly name: string
  readonly shape: Shape
  /** Environment variable that stands in for the flag. */
  readonly env?: string
  readonly help: string
  readonly placeholder: string
  /** As it would be written; undefined where there is none. */
  readonly default?: string
  /**
   * The value of what was given, or the default where nothing was.
   * @throws {UsageError} it is not acceptable, not in this release, or missing
   */
  read(given: Given | undefined): T
}

/** A flags table: property of the result → flag. */
export type FlagTable<Values> = { readonly [Key in keyof Values]: Flag<Values[Key]> }

/** The result of reading a flags table. */
export type FlagValues<Table> = { readonly [Key in keyof Table]: Table[Key] extends Flag<infer T> ? T : never }

interface Spec<T> {
  readonly name: string
  readonly env?: string
  /** One phrase, without a full stop. */
  readonly help: string
  readonly kind: Kind<T>
  /**
   * The only values that this release honours, where it does not honour all. Others are refused when they are given,
   * because ignoring them would mislead; a default is never refused.
   */
  readonly honours?: readonly T[]
}

type ToggleSpec = Omit<Spec<boolean>, 'kind'> & { readonly default?: boolean }

/** How messages and help call a flag. */
export function flagLabel({ name, shape }: Pick<Flag<unknown>, 'name' | 'shape'>): string {
  return shape === 'positional' ? `<${name}>` : `--${name}`
}

/** A flag with one value and a default, written as on the command line. */
export function value<T>(spec: Spec<T> & { readonly default: string }): Flag<T> {
  return single(spec, 'value', () => parse(spec, spec.default, `default of --${spec.name}`))
}

/** A flag that was a boolean once: one value and a default, where the flag alone means `true`. */
export function choice<T>(spec: Spec<T> & { readonly default: string }): Flag<T> {
  return single(spec, 'choice', () => parse(spec, spec.default, `default of --${spec.name}`))
}

/** A flag with one value that is undefined where it is not given. */
export function optional<T>(spec: Spec<T>): Flag<T | undefined> {
  return single<T, undefined>(spec, 'value', () => undefined)
}

/** A flag with one value that must be given. */
export function required<T>(spec: Spec<T>): Flag<T> {
  return single(spec, 'value', () => refuseMissing(spec, 'value'))
}

/** What must follow the command, without a name. */
export function positional<T>(spec: Spec<T>): Flag<T> {
  return single(spec, 'positional', () => refuseMissing(spec, 'positional'))
}

/** A boolean, `false` unless told. */
export function toggle(spec: ToggleSpec): Flag<boolean> {
  const { default: fallback = false, ...rest } = spec
  const flag = single({ ...rest, kind: BOOLEAN }, 'switch', () => fallback)
  return fallback ? { ...flag, default: 'true' } : flag
}

/** A flag with any number of values, none unless given. */
export function list<T>(spec: Spec<T>): Flag<readonly T[]> {
  return {
    ...describe(spec),
    shape: 'list',
    read: given => (given === undefined ? [] : given.texts.map(text => readGiven(spec, text, given.source))),
  }
}

function single<T, Fallback = T>(
  spec: Spec<T> & { readonly default?: string },
  shape: Shape,
  fallback: () => Fallback,
): Flag<T | Fallback> {
  return {
    ...describe(spec),
    shape,
    read(given) {
      const text = given?.texts[0]
      return given === undefined || text === undefined ? fallback() : readGiven(spec, text, given.source)
    },
  }
}

/** What help says of a flag. */
function describe<T>(spec: Spec<T> & { readonly default?: string }): Omit<Flag<T>, 'shape' | 'read'> {
  const { kind, honours, help, ...described } = spec
  const note = honours === undefined ? '' : ` (${noteOf(honours)})`
  return { ...described, placeholder: kind.placeholder, help: help + note }
}

/** What this release makes of a flag that it honours in part. */
function noteOf(honours: readonly unknown[]): string {
  const values = honours.filter(honoured => honoured !== '' && honoured !== false)
  return values.length === 0 ? 'not in this release yet' : `this release: only ${values.join(' or ')}`
}

function parse<T>({ kind }: Spec<T>, text: string, source: string): T {
  const value = kind.parse(text)
  if (value === undefined) throw new UsageError(`${source} ${quote(text)}: want ${kind.accepts}`)
  return value
}

function readGiven<T>(spec: Spec<T>, text: string, source: string): T {
  const value = parse(spec, text, source)
  if (spec.honours === undefined || spec.honours.includes(value)) return value
  const instead = spec.honours.filter(honoured => honoured !== '').join(' or ')
  const only = instead === '' ? '' : `, which has only ${instead}`
  throw new UsageError(`${source} ${quote(text)}: not in this release yet${only}`)
}

function refuseMissing(spec: Spec<unknown>, shape: Shape): never {
  throw new UsageError(`${flagLabel({ name: spec.name, shape })} is required: want ${spec.kind.accepts}`)
}
