import { useEffect, useRef } from 'preact/hooks'
import UPlot from 'uplot'
import type { HistoryState } from '../api/state.ts'
import { rate } from './format.ts'

const HEIGHT = 220
const SERIES = [
  ['peer', 'From peers', '--peer'],
  ['in_progress', 'In progress', '--progress'],
  ['store', 'From here', '--store'],
  ['upload', 'To peers', '--upload'],
] as const

/** Bytes per second over time, by where they came from and went. */
export function Chart({ history }: { readonly history: HistoryState }) {
  const place = useRef<HTMLDivElement>(null)
  const chart = useRef<UPlot | undefined>(undefined)
  useEffect(() => {
    const element = place.current
    if (element === null) return undefined
    const dark = matchMedia('(prefers-color-scheme: dark)')
    const draw = () => {
      chart.current?.destroy()
      chart.current = new UPlot(optionsFor(element), dataOf(history), element)
    }
    draw()
    dark.addEventListener('change', draw)
    const resized = new ResizeObserver(() => chart.current?.setSize({ width: element.clientWidth, height: HEIGHT }))
    resized.observe(element)
    return () => {
      dark.removeEventListener('change', draw)
      resized.disconnect()
      chart.current?.destroy()
      chart.current = undefined
    }
  }, [])
  useEffect(() => chart.current?.setData(dataOf(history)), [history])
  return <div class="chart" ref={place} role="img" aria-label="Bytes per second in the last hour; the sums are above" />
}

function optionsFor(element: HTMLElement): UPlot.Options {
  const style = getComputedStyle(element)
  const colour = (name: string) => style.getPropertyValue(name).trim()
  const axis = { stroke: colour('--text'), grid: { stroke: colour('--line'), width: 1 }, ticks: { show: false } }
  return {
    width: element.clientWidth,
    height: HEIGHT,
    axes: [axis, { ...axis, size: 80, values: (_, splits) => splits.map(rate) }],
    scales: { y: { range: (_, __, max) => [0, max > 0 ? max : 1] } },
    series: [
      {},
      ...SERIES.map(([, label, name]) => ({
        label,
        stroke: colour(name),
        width: 2,
        value: (_: UPlot, value: number | null) => (value === null ? '–' : rate(value)),
      })),
    ],
  }
}

function dataOf({ slotMs, times, values }: HistoryState): UPlot.AlignedData {
  const perSecond = (column: readonly number[]) => column.map(amount => (amount * 1000) / slotMs)
  return [times.map(time => time / 1000), ...SERIES.map(([series]) => perSecond(values[series]))]
}
