import { useEffect, useRef, useState } from 'preact/hooks'
import type { MeasureState } from '../api/state.ts'
import { bytes, duration, rate, shortDigest } from './format.ts'
import { measure } from './live.ts'
import { Waterfall } from './waterfall.tsx'

/** Pulls an image through the mirror, to see what that costs; nothing is kept. */
export function Measure() {
  const [image, setImage] = useState('')
  const [state, setState] = useState<MeasureState>()
  const [trouble, setTrouble] = useState('')
  const [isRunning, setRunning] = useState(false)
  const source = useRef<EventSource | undefined>(undefined)
  const stop = (): void => {
    source.current?.close()
    source.current = undefined
    setRunning(false)
  }
  useEffect(() => stop, [])
  const start = (event: Event): void => {
    event.preventDefault()
    stop()
    setState(undefined)
    setTrouble('')
    setRunning(true)
    const events = measure(image.trim())
    source.current = events
    const take = (isLast: boolean) => (message: MessageEvent<string>) => {
      setState(JSON.parse(message.data))
      if (isLast) stop()
    }
    events.addEventListener('progress', take(false))
    events.addEventListener('done', take(true))
    events.addEventListener('error', () => {
      // The browser would try again, and measure again.
      stop()
      setTrouble('The node does not measure that: it is no name of an image, or another measurement is under way.')
    })
  }
  return (
    <>
      <p>Pulls an image through this node’s mirror as containerd would, and keeps nothing.</p>
      <form onSubmit={start}>
        <label>
          Image{' '}
          <input
            required
            value={image}
            placeholder="docker.io/library/busybox:1.37"
            onInput={event => setImage(event.currentTarget.value)}
          />
        </label>{' '}
        <button type="submit" disabled={isRunning}>
          Measure
        </button>{' '}
        <button
          type="button"
          disabled={!isRunning}
          onClick={() => {
            stop()
            setTrouble('Cancelled.')
          }}
        >
          Cancel
        </button>
      </form>
      {trouble !== '' && <p role="alert">{trouble}</p>}
      {state && <Result state={state} />}
    </>
  )
}

function Result({ state: { pieces, bytes: total, ms, done, error } }: { readonly state: MeasureState }) {
  const rows = pieces.map(({ kind, digest, bytes: got, size, startMs, headMs, endMs, source, error }) => ({
    name: `${kind} ${shortDigest(digest)}`,
    said: `${error ?? `${bytes(got)} of ${bytes(size)}`}${source === undefined ? '' : ` from ${source === 'store' ? 'this node' : source}`}${headMs === undefined ? '' : `, head after ${duration(headMs - startMs)}`}`,
    start: startMs,
    end: endMs ?? ms,
    isBad: error !== undefined,
  }))
  return (
    <>
      <p role="status" data-bytes={total}>
        {done ? (error === undefined ? 'Done: ' : `Failed, ${error}: `) : 'So far: '}
        {bytes(total)} in {duration(ms)}, {rate(ms > 0 ? (total * 1000) / ms : 0)}
      </p>
      {rows.length > 0 && <Waterfall rows={rows} total={ms} label="What was fetched when" />}
    </>
  )
}
