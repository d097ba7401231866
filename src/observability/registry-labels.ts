/** Clients choose registry names, so a metric must not have one series for each. */
const MAX_REGISTRY_LABELS = 100

/** The label of a registry that has no label of its own. */
const OTHER = 'other'

/** Maps registry names to a bounded set of label values. */
export class RegistryLabels {
  readonly #known = new Set<string>()

  /** `registry` itself for the first hundred distinct names, `other` for the rest and where no registry is known. */
  label(registry: string): string {
    if (registry === '') return OTHER
    if (!this.#known.has(registry)) {
      if (this.#known.size >= MAX_REGISTRY_LABELS) return OTHER
      this.#known.add(registry)
    }
    return registry
  }
}
