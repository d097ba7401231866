import type { Content } from './content.ts'
import type { Drain } from './drain.ts'

/** What scenarios share. */
export interface Bench {
  readonly content: Content
  readonly drain: Drain
  /** For files of their own. */
  readonly directory: string
  /** Medians are taken of so many rounds, in each of which all servers have their turn. */
  readonly rounds: number
  /** How long a load without an end of its own lasts. */
  readonly seconds: number
  /** Whether a program is installed; what is not is said to be skipped. */
  has(program: string): boolean
}

/** One part of the benchmark: the Markdown that says what came of it. */
export type Scenario = (bench: Bench) => Promise<string>
