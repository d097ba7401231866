import { useEffect, useState } from 'preact/hooks'
import type { ImageState, ImageSummary, ImagesState } from '../api/state.ts'
import { bytes, shortDigest, sum } from './format.ts'
import { getJson } from './live.ts'

/** Images that are listed at once; the filter leads to the others. */
const MAX_SHOWN = 200

/** What this node holds, read anew when the number of images changes. */
export function Images({ count }: { readonly count: number }) {
  const [images, setImages] = useState<ImagesState>()
  const [filter, setFilter] = useState('')
  useEffect(() => {
    const stop = new AbortController()
    getJson<ImagesState>('images', stop.signal).then(setImages, () => {})
    return () => stop.abort()
  }, [count])
  const found = images?.images.filter(({ name }) => name.includes(filter.trim())) ?? []
  return (
    <>
      <p>
        <label>
          Filter <input type="search" value={filter} onInput={event => setFilter(event.currentTarget.value)} />
        </label>{' '}
        <span role="status">
          {found.length} of {images?.total ?? 0} images
        </span>
      </p>
      <ul class="plain">
        {found.slice(0, MAX_SHOWN).map(image => (
          <Image key={image.name} image={image} />
        ))}
      </ul>
    </>
  )
}

function Image({ image }: { readonly image: ImageSummary }) {
  const [state, setState] = useState<ImageState | string>()
  const [isOpen, setOpen] = useState(false)
  useEffect(() => {
    if (!isOpen) return undefined
    const stop = new AbortController()
    getJson<ImageState>(`image?name=${encodeURIComponent(image.name)}`, stop.signal).then(
      setState,
      (error: unknown) => {
        if (!stop.signal.aborted) setState(String(error))
      },
    )
    return () => stop.abort()
  }, [isOpen, image.name, image.digest])
  return (
    <li>
      <details onToggle={event => setOpen(event.currentTarget.open)}>
        <summary>
          <span class="name">{image.name}</span> <code>{shortDigest(image.digest)}</code>
        </summary>
        {typeof state === 'string' && <p role="alert">{state}</p>}
        {state === undefined && <p>Looking…</p>}
        {typeof state === 'object' && <Pieces image={state} />}
      </details>
    </li>
  )
}

function Pieces({ image: { pieces, truncated } }: { readonly image: ImageState }) {
  const held = pieces.filter(piece => piece.held)
  return (
    <>
      <p>
        {bytes(sum(held.map(({ size }) => size)))} in {held.length} pieces here
        {truncated && '; more pieces are not listed'}
      </p>
      <div class="scroll" tabIndex={0} role="region" aria-label="Pieces">
        <table>
          <thead>
            <tr>
              <th scope="col">Piece</th>
              <th scope="col">Digest</th>
              <th scope="col">Size</th>
              <th scope="col">Here</th>
              <th scope="col">Also at</th>
            </tr>
          </thead>
          <tbody>
            {pieces.map(({ digest, kind, platform, size, held, holders }) => (
              <tr key={digest}>
                <td>
                  {kind} {platform}
                </td>
                <td>
                  <code title={digest}>{shortDigest(digest)}</code>
                </td>
                <td>{bytes(size)}</td>
                <td>{held ? 'yes' : 'no'}</td>
                <td>{holders.length === 0 ? 'nobody' : holders.join(', ')}</td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
    </>
  )
}
