/** Something that took a while. */
interface WaterfallRow {
  readonly name: string
  /** What is to be said of it. */
  readonly said: string
  /** Milliseconds from the beginning of all. */
  readonly start: number
  readonly end: number
  readonly isBad: boolean
}

interface WaterfallProps {
  readonly rows: readonly WaterfallRow[]
  /** Milliseconds of all. */
  readonly total: number
  readonly label: string
}

/** What happened when, a row each; the bars repeat what the words say. */
export function Waterfall({ rows, total, label }: WaterfallProps) {
  const scale = 100 / Math.max(total, 1)
  return (
    <div class="scroll" tabIndex={0} role="region" aria-label={label}>
      <table class="waterfall">
        <tbody>
          {rows.map(({ name, said, start, end, isBad }, index) => (
            <tr key={index}>
              <th scope="row">{name}</th>
              <td>{said}</td>
              <td>
                <svg aria-hidden="true" viewBox="0 0 100 10" preserveAspectRatio="none">
                  <rect
                    class={isBad ? 'bad' : 'good'}
                    x={Math.min(99, start * scale)}
                    width={Math.max(1, (end - start) * scale)}
                    height={10}
                  />
                </svg>
              </td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  )
}
