import type { Exchange } from '../../http/exchange.ts'
import { DistributionError } from '../../oci/distribution-error.ts'
import type { ApiComponents } from './components.ts'
import { EventStream, formatEvent } from './event-stream.ts'
import { parseName } from './image-state.ts'
import { badRequest, sendJson } from './json.ts'
import { Measurement } from './measurement.ts'

/** How often progress is told. */
const PROGRESS_INTERVAL_MS = 250

/**
 * Answers `measure`: with events where the client takes those, else with the result at the end. One at a time, and none that
 * another site makes a browser ask for. A client that goes cancels it.
 */
export class MeasureRoute {
  readonly #components: Pick<ApiComponents, 'peerClient' | 'node'>
  #isBusy = false

  constructor(components: Pick<ApiComponents, 'peerClient' | 'node'>) {
    this.#components = components
  }

  async serve(exchange: Exchange): Promise<void> {
    const { headers } = exchange.request
    const site = headers['sec-fetch-site'] ?? 'none'
    if (site !== 'none' && site !== 'same-origin') {
      throw new DistributionError('DENIED', 'a measurement is started from this page alone')
    }
    const image = exchange.query.get('image') ?? ''
    if (image === '') throw badRequest('image is missing: want the name of an image')
    const reference = parseName(image)
    if (this.#isBusy) throw new DistributionError('DENIED', 'another measurement is under way', { status: 409 })
    this.#isBusy = true
    try {
      const { peerClient, node } = this.#components
      const measurement = new Measurement(
        { peerClient, registry: node.registry() },
        { reference, platform: node.platform },
      )
      if (headers.accept?.includes('text/event-stream') === true) await stream(exchange, measurement)
      else {
        await measurement.run(exchange)
        await sendJson(exchange, measurement.state())
      }
    } finally {
      this.#isBusy = false
    }
  }
}

async function stream(exchange: Exchange, measurement: Measurement): Promise<void> {
  const events = new EventStream(exchange)
  const tell = (): void => {
    if (events.keepsUp) events.send(formatEvent('progress', measurement.state()))
  }
  tell()
  const timer = setInterval(tell, PROGRESS_INTERVAL_MS)
  try {
    await measurement.run(exchange)
    events.send(formatEvent('done', measurement.state()))
  } finally {
    clearInterval(timer)
    events.end()
  }
}
