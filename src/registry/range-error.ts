import { DistributionError } from '../oci/distribution-error.ts'

/** The answer to a range that lies outside of the `size` bytes of a blob. */
export function rangeNotSatisfiable(size: number): DistributionError {
  return new DistributionError('SIZE_INVALID', `the range lies outside of the ${size} bytes of the blob`, {
    status: 416,
    headers: { 'content-range': `bytes */${size}` },
  })
}
