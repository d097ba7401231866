/** Longest word that is compared: the distance takes time by the square of it. */
const MAX_COMPARED_CHARACTERS = 64

/** The candidate that `word` is most likely a misspelling of; undefined where none is close. */
export function closest(word: string, candidates: readonly string[]): string | undefined {
  if (word.length > MAX_COMPARED_CHARACTERS) return undefined
  const ranked = candidates
    .map(candidate => ({ candidate, distance: editDistance(word, candidate) }))
    .toSorted((a, b) => a.distance - b.distance)
  const [best] = ranked
  return best !== undefined && best.distance <= Math.ceil(word.length / 3) ? best.candidate : undefined
}

/** Levenshtein distance: how many characters must be inserted, removed or replaced. */
function editDistance(from: string, to: string): number {
  let row = Array.from({ length: to.length + 1 }, (_, column) => column)
  for (let index = 0; index < from.length; index++) {
    const next = [index + 1]
    for (let column = 1; column <= to.length; column++) {
      const replace = (row[column - 1] ?? 0) + (to[column - 1] === from[index] ? 0 : 1)
      next.push(Math.min(replace, (row[column] ?? 0) + 1, (next[column - 1] ?? 0) + 1))
    }
    row = next
  }
  return row.at(-1) ?? 0
}
