/** Longest wait for one record: a client waits for it, which has other places to ask. */
export const LOOKUP_TIMEOUT_MS = 2_000
/** Longest wait for all records, which containerd reads from its database at once. */
export const LIST_TIMEOUT_MS = 10_000
