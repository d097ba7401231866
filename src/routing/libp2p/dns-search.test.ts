import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as fc from 'fast-check'
import { searchNames } from './dns-search.ts'

/** As kubelet writes it. */
const POD = 'search spegel.svc.cluster.local svc.cluster.local cluster.local\nnameserver 10.96.0.10\noptions ndots:5\n'

const CASES = [
  { name: 'a.b.', conf: POD, names: ['a.b.'] },
  {
    name: 'a.b',
    conf: POD,
    names: ['a.b.spegel.svc.cluster.local.', 'a.b.svc.cluster.local.', 'a.b.cluster.local.', 'a.b.'],
  },
  { name: 'a.b', conf: 'search x.example', names: ['a.b.', 'a.b.x.example.'] },
  { name: 'a', conf: 'search x.example', names: ['a.x.example.', 'a.'] },
  { name: 'a', conf: 'domain old\n  search  x. y\t\n# search z', names: ['a.x.', 'a.y.', 'a.'] },
  { name: 'a', conf: 'search .\noptions rotate ndots:0', names: ['a.'] },
  { name: 'a.b', conf: 'options ndots:two', names: ['a.b.'] },
  { name: 'a.b', conf: '', names: ['a.b.'] },
]
for (const { name, conf, names } of CASES) {
  test(`${name} with ${JSON.stringify(conf)} is looked for as ${names.join(' ')}`, () => {
    assert.deepEqual(searchNames(name, conf), names)
  })
}

test('whatever the configuration, the name itself is among a bounded number of absolute ones', () => {
  const conf = fc.array(
    fc.oneof(
      fc.string(),
      fc.string().map(rest => `search ${rest}`),
      fc.constant('options ndots:9'),
    ),
  )
  fc.assert(
    fc.property(fc.domain(), conf, (name, lines) => {
      const names = searchNames(name, lines.join('\n'))
      assert.ok(names.includes(`${name}.`))
      assert.ok(names.length <= 33)
      assert.ok(names.every(each => each.endsWith('.')))
    }),
  )
})
