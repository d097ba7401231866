import { type FlagValues, optional, toggle, value } from '../flags/flag.ts'
import { BYTE_RATE, integer, PATH } from '../flags/kind.ts'

/** Each node is a process of its own, and a line of a table that should fit on a terminal. */
const MAX_NODES = 16
/** Three ports in a row must fit. */
const MAX_BASE_PORT = 65_533

/** Flags of `spegel demo`. */
export const DEMO_FLAGS = {
  nodes: value({
    name: 'nodes',
    kind: integer(2, MAX_NODES),
    default: '3',
    help: 'how many nodes, on 127.0.0.1 and up',
  }),
  image: optional({
    name: 'image',
    kind: PATH,
    help: 'OCI image-layout directory with the image to share; without it one of 60 MB is made',
  }),
  upstreamRate: optional({
    name: 'upstream-rate',
    kind: BYTE_RATE,
    help: 'how fast the upstream registry may send, in bytes per second',
  }),
  basePort: optional({
    name: 'base-port',
    kind: integer(1, MAX_BASE_PORT),
    help: 'registry, router and metrics listen on this port and the next two instead of on 5000, 5001 and 9090',
  }),
  once: toggle({ name: 'once', help: 'exit when all nodes have the image' }),
  json: toggle({ name: 'json', help: 'print the result as one JSON object' }),
}

/** What `spegel demo` was asked to do. */
export type DemoFlags = FlagValues<typeof DEMO_FLAGS>
