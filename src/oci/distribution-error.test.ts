import assert from 'node:assert/strict'
import test from 'node:test'
import { DistributionError, type DistributionErrorCode, distributionErrorBody } from './distribution-error.ts'

/** The specification's codes, and ours for internal failures. */
const STATUS: Readonly<Record<DistributionErrorCode, number>> = {
  BLOB_UNKNOWN: 404,
  BLOB_UPLOAD_INVALID: 400,
  BLOB_UPLOAD_UNKNOWN: 404,
  DENIED: 403,
  DIGEST_INVALID: 400,
  MANIFEST_BLOB_UNKNOWN: 404,
  MANIFEST_INVALID: 400,
  MANIFEST_UNKNOWN: 404,
  NAME_INVALID: 400,
  NAME_UNKNOWN: 404,
  SIZE_INVALID: 400,
  TOOMANYREQUESTS: 503,
  UNAUTHORIZED: 403,
  UNKNOWN: 500,
  UNSUPPORTED: 404,
}

for (const [code, status] of Object.entries(STATUS)) {
  test(`${code} is sent with ${status}`, () => {
    assert.equal(new DistributionError(code as DistributionErrorCode, 'message').status, status)
  })
}

test('status, headers, cause and detail can be given', () => {
  const cause = new Error('disk')
  const error = new DistributionError('UNSUPPORTED', 'no such method', {
    status: 405,
    headers: { allow: 'GET, HEAD' },
    cause,
    detail: { method: 'PUT' },
  })
  assert.equal(error.status, 405)
  assert.deepEqual(error.headers, { allow: 'GET, HEAD' })
  assert.equal(error.cause, cause)
  assert.deepEqual(JSON.parse(distributionErrorBody(error)), {
    errors: [{ code: 'UNSUPPORTED', message: 'no such method', detail: { method: 'PUT' } }],
  })
})

test('the body has no detail where there is none, and never the cause', () => {
  const error = new DistributionError('UNKNOWN', 'internal error', { cause: new Error('/etc/secrets') })
  assert.equal(distributionErrorBody(error), '{"errors":[{"code":"UNKNOWN","message":"internal error"}]}')
})

test('an error without a cause has no cause', () => {
  assert.equal('cause' in new DistributionError('BLOB_UNKNOWN', 'message', {}), false)
})
