import { ageIngests } from '../../../test/contracts/containerd-content.ts'
import { type InProgressFixture, inProgressContract } from '../../../test/contracts/in-progress-contract.ts'
import { LayoutHand } from '../../../test/contracts/layout-hand.ts'
import { storeContract } from '../../../test/contracts/store-contract.ts'
import { type WatcherFixture, watcherContract } from '../../../test/contracts/watcher-contract.ts'
import { MemoryLog } from '../../../test/fakes/memory-log.ts'
import { noFilter } from '../../../test/no-filter.ts'
import { temporaryDirectory } from '../../../test/temporary-directory.ts'
import { createOciLayout } from './oci-layout.ts'

const STALL_TIMEOUT_MS = 60_000

async function setup(): Promise<WatcherFixture & InProgressFixture> {
  const directory = await temporaryDirectory()
  const hand = await LayoutHand.open(directory.path)
  let nowMs = 0
  const layout = createOciLayout(
    { roots: [directory.path], filter: noFilter, log: new MemoryLog() },
    {
      watcher: { settleMs: 1 },
      growing: { stallTimeoutMs: STALL_TIMEOUT_MS, fallbackIntervalMs: 10, now: () => nowMs },
    },
  )
  return {
    ...layout,
    put: content => hand.put(content),
    tag: (reference, digest) => hand.tag(reference, digest),
    untag: reference => hand.untag(reference),
    remove: digest => hand.remove(digest),
    begin: (digest, size) => hand.begin(digest, size),
    stall: () => {
      nowMs += STALL_TIMEOUT_MS
      ageIngests(directory.path, STALL_TIMEOUT_MS)
    },
    [Symbol.asyncDispose]: () => directory[Symbol.asyncDispose](),
  }
}

storeContract('OciLayout', setup)
watcherContract('OciLayout', setup)
inProgressContract('OciLayout', setup)
