import assert from 'node:assert/strict'
import path from 'node:path'
import { describe, test } from 'node:test'
import { CHART, helm, unlessHelm } from './helm.ts'
import { RELEASE, VALUE_SETS, VALUES } from './render.ts'

/** What helm tells who installs with these values. */
async function notes(set: string): Promise<string> {
  const values = ['--values', path.join(VALUES, `${set}.yaml`)]
  const release = [RELEASE.name, CHART, '--namespace', RELEASE.namespace]
  const result = await helm(['install', ...release, '--dry-run=client', ...values])
  assert.ok(result.ok, result.stderr)
  return result.stdout.split('\nNOTES:\n')[1] ?? ''
}

describe('whoever installs the chart', { skip: unlessHelm }, () => {
  for (const set of VALUE_SETS) {
    test(`is told how to see it work and who may join the mesh, with the values ${set}`, async () => {
      const text = await notes(set)
      assert.match(text, /rollout status daemonset\//)
      assert.match(text, set === 'open' ? /^THE MESH IS OPEN: /m : /^The mesh is closed: only who has the Secret /m)
    })
  }

  const SAYS: readonly (readonly [string, RegExp])[] = [
    ['go-spegel', /WARNING: image.repository is ghcr.io\/spegel-org\/spegel/],
    ['go-spegel', /clusterSecret.enabled=false opens the mesh, to them and to everyone/],
    ['open', /are served to whoever can reach port 5000 of a pod, or\n30020 or 30021 of a node/],
    ['open', /Tags are asked of the registry, and of members only while it does not answer/],
    ['default', /the Secret spegel-cluster can join it/],
    ['default', /each rendering would make another/],
    ['own-secret', /the Secret our-cluster-secret can join it/],
    ['credentials', /to those who know the credentials in spegel-credentials/],
    ['by-hand', /containerdMirrorAdd is false/],
    ['by-hand', /--cluster-secret-file FILE\nwhere FILE holds `secret` of the Secret spegel-cluster/],
  ]
  for (const [set, what] of SAYS) {
    test(`reads ${what.source} with the values ${set}`, async () => assert.match(await notes(set), what))
  }
})
