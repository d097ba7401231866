/**
 * Calls `onTimeout` once others have had `delayMs` to be heard from. A process that is held up, by itself or for want of
 * CPU, finds its timers due before it has looked at what came in meanwhile, and would take that for silence. So the wait
 * is two halves, which makes any one hold-up count as half of it at most, and input is read once more at its end.
 * @returns ends the wait when disposed of
 */
export function startFairTimeout(delayMs: number, onTimeout: () => void): Disposable {
  let immediate: NodeJS.Immediate | undefined
  let timer = setTimeout(() => {
    timer = setTimeout(() => {
      immediate = setImmediate(onTimeout)
    }, delayMs / 2)
  }, delayMs / 2)
  return {
    [Symbol.dispose]() {
      clearTimeout(timer)
      clearImmediate(immediate)
    },
  }
}
