import { compileFilters } from '../src/oci/registry-filter.ts'

/** Excludes nothing. */
export const noFilter = compileFilters({ mirroredRegistries: [], registryFilters: [] })
