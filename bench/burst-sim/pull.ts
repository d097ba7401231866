import { FIRST, IMAGE, type ImageBlob, PARALLEL_LAYERS } from './conditions.ts'

/** Pulls the image as CRI does. */
export async function pullImage(fetch: (blob: ImageBlob) => Promise<void>): Promise<void> {
  for (const blob of IMAGE.slice(0, FIRST)) await fetch(blob)
  const layers = IMAGE.slice(FIRST)
  const fetchNext = async (): Promise<void> => {
    for (let layer = layers.shift(); layer !== undefined; layer = layers.shift()) await fetch(layer)
  }
  await Promise.all(Array.from({ length: PARALLEL_LAYERS }, fetchNext))
}
