import { compileGoRegexp } from './go-regexp.ts'
import { formatReference, type Reference } from './reference.ts'
import { isWildcardRegistry, parseRegistryUrl } from './registry-url.ts'

/** Decides which references this node has to do with. */
export interface ReferenceFilter {
  /** Whether nothing is excluded, whatever is asked about. */
  readonly excludesNothing: boolean
  /** Whether anything is excluded by its name, so that content whose name is not known yet may turn out to be. */
  readonly excludesNames: boolean
  /** Why `reference` is neither served, mirrored nor advertised; undefined where it is. */
  exclusion(reference: Reference): 'filtered' | 'not_mirrored' | undefined
}

export interface FilterSettings {
  /** Registry URLs; `_default` or `*` stands for all, as does an empty list. */
  readonly mirroredRegistries: readonly string[]
  /** Regular expressions in Go's syntax, searched for in `registry/repository:tag`, or `registry/repository` of a digest. */
  readonly registryFilters: readonly string[]
}

/**
 * Compiles `--mirrored-registries` and `--registry-filters`.
 * @throws {InvalidRegistryUrlError | InvalidFilterError} naming the entry
 */
export function compileFilters(settings: FilterSettings): ReferenceFilter {
  const filters = settings.registryFilters.map(compileGoRegexp)
  const named = settings.mirroredRegistries.filter(entry => !isWildcardRegistry(entry))
  const registries = new Set(named.map(entry => parseRegistryUrl(entry).registry))
  const mirrorsAll = named.length < settings.mirroredRegistries.length || named.length === 0
  return {
    excludesNothing: mirrorsAll && filters.length === 0,
    excludesNames: filters.length > 0,
    exclusion(reference) {
      const text =
        reference.kind === 'tag' ? formatReference(reference) : `${reference.registry}/${reference.repository}`
      if (filters.some(filter => filter.test(text))) return 'filtered'
      return mirrorsAll || registries.has(reference.registry) ? undefined : 'not_mirrored'
    },
  }
}
