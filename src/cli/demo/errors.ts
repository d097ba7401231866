/** The image that the demo should share can't be used. */
export class DemoImageError extends Error {
  readonly code = 'DEMO_IMAGE'

  constructor(directory: string, reason: string, options?: ErrorOptions) {
    super(`no image to share in ${directory}: ${reason}`, options)
    this.name = 'DemoImageError'
  }
}

/** Something listens where a node of the demo should, or the address does not exist. */
export class AddressUnavailableError extends Error {
  readonly code = 'ADDRESS_UNAVAILABLE'

  constructor(address: string, reason: string, options?: ErrorOptions) {
    super(`${address} ${reason}`, options)
    this.name = 'AddressUnavailableError'
  }
}

/** A node of the demo ended, or never became ready. */
export class NodeFailedError extends Error {
  readonly code = 'NODE_FAILED'

  /** @param lastWords the end of what the node wrote to stderr */
  constructor(node: string, reason: string, lastWords: string) {
    super(`node ${node} ${reason}${lastWords === '' ? '' : `: ${lastWords}`}`)
    this.name = 'NodeFailedError'
  }
}

/** How many faults a message names. */
const MAX_NAMED_FAULTS = 3

/** Content on a node of the demo is missing or not what its digest says. */
export class DemoFailedError extends Error {
  readonly code = 'DEMO_FAILED'

  constructor(faults: readonly string[]) {
    const more = faults.length > MAX_NAMED_FAULTS ? `; and ${faults.length - MAX_NAMED_FAULTS} more` : ''
    super(`not every node has the whole image: ${faults.slice(0, MAX_NAMED_FAULTS).join('; ')}${more}`)
    this.name = 'DemoFailedError'
  }
}
