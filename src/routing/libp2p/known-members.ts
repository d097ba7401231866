import path from 'node:path'
import { readBoundedFile } from '../../files/read-bounded-file.ts'
import { replacePrivateFile } from '../../files/replace-file.ts'
import type { Log } from '../../observability/log.ts'
import type { Clock } from '../clock.ts'
import type { CallOptions, Endpoint } from '../router.ts'
import { decodeBootstrapAnswer, encodeBootstrapAnswer } from './bootstrap-answer.ts'
import type { Candidate } from './dialer.ts'
import type { Member } from './members.ts'

const MEMBERS_FILE = 'members.json'
/** Members kept, those that joined last. Any one of them leads to all others. */
const MAX_KNOWN = 64
const MAX_FILE_BYTES = 64 * 1024
/** The file is written at most this often, and at the end. */
const SAVE_INTERVAL_MS = 60_000

export interface KnownMembersComponents {
  readonly log: Log
  readonly clock: Clock
}

/**
 * The members that a node had last, kept in its data directory as a bootstrap answer: after a restart it finds the mesh
 * though its bootstrap does not work. They are dialled by their ids, for an address may long be someone else's.
 */
export class KnownMembers {
  readonly #components: KnownMembersComponents
  readonly #file: string
  /** Id → where its router answers; the latest last. */
  readonly #known: Map<string, Endpoint>
  #changed = false

  private constructor(components: KnownMembersComponents, file: string, known: Map<string, Endpoint>) {
    this.#components = components
    this.#file = file
    this.#known = known
  }

  /** Reads the members kept in `dataDir`. A file that can't be read or understood is as good as none, and is replaced. */
  static async load(components: KnownMembersComponents, dataDir: string): Promise<KnownMembers> {
    const file = path.join(dataDir, MEMBERS_FILE)
    const known = new Map<string, Endpoint>()
    try {
      const content = await readBoundedFile(file, MAX_FILE_BYTES)
      for (const { id, endpoints } of decodeBootstrapAnswer(content?.toString() ?? '', 0).slice(0, MAX_KNOWN)) {
        const [endpoint] = endpoints
        if (id !== undefined && endpoint !== undefined) known.set(id, endpoint)
      }
    } catch (error) {
      components.log.warn('known members are ignored', { file, error })
    }
    return new KnownMembers(components, file, known)
  }

  candidates(): readonly Candidate[] {
    return [...this.#known].map(([id, endpoint]) => ({ id, endpoints: [endpoint] }))
  }

  note({ peer, router }: Pick<Member, 'peer' | 'router'>): void {
    this.#known.delete(peer.id)
    this.#known.set(peer.id, router)
    for (const id of this.#known.keys()) {
      if (this.#known.size <= MAX_KNOWN) break
      this.#known.delete(id)
    }
    this.#changed = true
  }

  /** Keeps the file up to date until `signal` aborts. */
  async run({ signal }: CallOptions): Promise<void> {
    while (!signal.aborted) {
      await this.#components.clock.sleep(SAVE_INTERVAL_MS, { signal })
      if (this.#changed) await this.#save()
    }
  }

  async #save(): Promise<void> {
    this.#changed = false
    try {
      await replacePrivateFile(this.#file, encodeBootstrapAnswer(this.candidates()))
    } catch (error) {
      this.#components.log.warn('known members cannot be saved', { file: this.#file, error })
    }
  }
}
