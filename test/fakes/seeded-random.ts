/**
 * Repeatable numbers in [0, 1), evenly spread.
 * @see https://en.wikipedia.org/wiki/Lehmer_random_number_generator
 */
export function seededRandom(seed = 1): () => number {
  let state = seed
  return () => {
    state = (state * 48_271) % 2_147_483_647
    return state / 2_147_483_647
  }
}
