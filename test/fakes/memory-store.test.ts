import { type InProgressFixture, inProgressContract } from '../contracts/in-progress-contract.ts'
import { storeContract } from '../contracts/store-contract.ts'
import { type WatcherFixture, watcherContract } from '../contracts/watcher-contract.ts'
import type { MemoryDownload } from './memory-download.ts'
import { MemoryStore } from './memory-store.ts'

async function setup(): Promise<WatcherFixture & InProgressFixture> {
  const memory = new MemoryStore()
  const downloads: MemoryDownload[] = []
  return {
    store: memory,
    watcher: memory,
    inProgress: memory,
    put: async content => memory.put(content),
    tag: async (reference, digest) => memory.tag(reference, digest),
    untag: async reference => memory.untag(reference),
    remove: async digest => memory.remove(digest),
    begin: async (digest, size) => {
      const download = memory.begin(digest, size)
      downloads.push(download)
      return {
        append: async chunk => download.append(chunk),
        commit: async () => download.commit(),
        abort: async () => download.abort(),
      }
    },
    stall: () => {
      for (const download of downloads) download.stall()
    },
    [Symbol.asyncDispose]: async () => {},
  }
}

storeContract('MemoryStore', setup)
watcherContract('MemoryStore', setup)
inProgressContract('MemoryStore', setup)
