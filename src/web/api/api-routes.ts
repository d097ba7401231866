import type { Route } from '../../http/dispatch.ts'
import type { Exchange } from '../../http/exchange.ts'
import type { ApiComponents } from './components.ts'
import { imageState } from './image-state.ts'
import { badRequest, sendJson } from './json.ts'
import { LiveState } from './live-state.ts'
import { MeasureRoute } from './measure-route.ts'
import { activityState, imagesState, membersState, nodeState } from './node-state.ts'
import { API_PATH } from './state.ts'

/** What Go Spegel's page asks for by other names. */
const GO_SPEGEL_PATH = '/debug/web'

/** Routes of the JSON API, version 1; `state.ts` says what each answers. */
export function apiRoutes(components: ApiComponents): readonly Route[] {
  const live = new LiveState(components)
  const measure = new MeasureRoute(components)
  const answers: Readonly<Record<string, (exchange: Exchange) => unknown>> = {
    node: () => nodeState(components),
    members: () => membersState(components),
    activity: () => activityState(components),
    images: () => imagesState(components),
    history: ({ query }) => components.metrics.traffic.history(spanOf(query)),
    image: ({ query, signal }) => imageState(components, query.get('name') ?? '', { signal }),
  }
  return [
    ...Object.entries(answers).map(([name, answer]) =>
      route(`${API_PATH}/${name}`, async exchange => await sendJson(exchange, await answer(exchange))),
    ),
    route(`${API_PATH}/events`, exchange => live.serve(exchange)),
    route(`${API_PATH}/measure`, exchange => measure.serve(exchange)),
    route(`${GO_SPEGEL_PATH}/metadata`, exchange => sendJson(exchange, nodeState(components))),
    route(`${GO_SPEGEL_PATH}/stats`, exchange => sendJson(exchange, membersState(components))),
    route(`${GO_SPEGEL_PATH}/measure`, exchange => measure.serve(exchange)),
  ]
}

function spanOf(query: URLSearchParams): 'hour' | 'day' {
  const span = query.get('span') ?? 'hour'
  if (span !== 'hour' && span !== 'day') throw badRequest('span: want hour or day')
  return span
}

function route(path: string, handle: Route['handle']): Route {
  return { path, methods: ['GET'], handler: 'web', handle }
}
