import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as fc from 'fast-check'
import { digestOf } from '../oci/digest.ts'
import { BurstTree, type Source, type TreeClaim } from './burst-tree.ts'

const DIGEST = digestOf(Buffer.from('layer'))
const MIB = 1024 * 1024

/** A tree, the time, and where each node was told to get the content from. */
class Scene {
  now = 0
  readonly gone = new Set<string>()
  readonly dropped: string[] = []
  readonly sources = new Map<string, Source>()
  readonly tree = new BurstTree({
    digest: DIGEST,
    isLive: node => !this.gone.has(node),
    onDropped: node => {
      this.dropped.push(node)
      this.sources.delete(node)
      for (const child of this.childrenOf(node)) this.sources.delete(child)
    },
  })

  claim(node: string, complaint: Partial<TreeClaim> = {}): Source {
    const source = this.tree.claim({ node, offset: 0, lost: [], stalled: [], behind: [], ...complaint }, this.now)
    this.sources.set(node, source)
    return source
  }

  childrenOf(node: string): readonly string[] {
    return [...this.sources.keys()].filter(child => this.parentOf(child) === node)
  }

  parentOf(node: string): string | undefined {
    const source = this.sources.get(node)
    return source?.kind === 'parent' ? source.node : undefined
  }
}

function below(node: string, depth: number): Source {
  return { kind: 'parent', node, depth }
}

const UPSTREAM: Source = { kind: 'upstream' }

test('the first to claim fetches from upstream, the next two follow it, and the others follow those, two each', () => {
  const scene = new Scene()
  assert.deepEqual(scene.claim('a'), UPSTREAM)
  for (const node of ['b', 'c']) assert.deepEqual(scene.claim(node), below('a', 1))
  for (const node of ['d', 'e', 'f', 'g']) scene.claim(node)
  for (const node of ['b', 'c']) assert.equal(scene.childrenOf(node).length, 2)
})

test('the same claim again gets the same answer', () => {
  const scene = new Scene()
  for (const node of ['a', 'b', 'c', 'd', 'e']) scene.claim(node)
  const before = new Map(scene.sources)
  for (const node of ['e', 'd', 'c', 'b', 'a']) assert.deepEqual(scene.claim(node), before.get(node))
})

test('who gets to the places at one depth first differs from digest to digest', () => {
  const orders = Array.from({ length: 20 }, (_, index) => {
    const digest = digestOf(Buffer.from(`layer ${index}`))
    const tree = new BurstTree({ digest, isLive: () => true, onDropped: () => assert.fail() })
    const claims = ['a', 'b', 'c', 'd'].map(node =>
      tree.claim({ node, offset: 0, lost: [], stalled: [], behind: [] }, 0),
    )
    const last = claims.at(-1)
    return last?.kind === 'parent' ? last.node : ''
  })
  assert.deepEqual(new Set(orders), new Set(['b', 'c']))
})

test('where the one that fetches is lost, one of its children takes its place and the others follow that one', () => {
  const scene = new Scene()
  for (const node of ['a', 'b', 'c']) scene.claim(node)
  scene.now = 6000
  assert.deepEqual(scene.claim('b', { lost: ['a'], offset: MIB }), UPSTREAM)
  assert.deepEqual(scene.dropped, ['a'])
  assert.deepEqual(scene.claim('c', { lost: ['a'], offset: MIB }), below('b', 1))
})

test('a frozen one that fetches costs one more fetch, however its descendants notice in turn', () => {
  for (const order of [
    ['b', 'c', 'd', 'e', 'f'],
    ['c', 'b', 'f', 'e', 'd'],
    ['f', 'd', 'c', 'b', 'e'],
  ]) {
    const scene = new Scene()
    for (const node of ['a', 'b', 'c', 'd', 'e', 'f']) scene.claim(node)
    scene.now = 6000
    for (const node of order) {
      const parent = scene.parentOf(node)
      if (parent !== undefined) scene.claim(node, { stalled: [parent], offset: MIB })
      scene.now += 10
    }
    const fetching = [...scene.sources].filter(([, source]) => source.kind === 'upstream').map(([node]) => node)
    assert.ok(fetching.filter(node => node !== 'a').length <= 1, `${order.join()}: ${fetching.join()}`)
  }
})

test('a parent that has just been moved is not dropped because its child saw it stall', () => {
  const scene = new Scene()
  for (const node of ['a', 'b', 'c', 'd']) scene.claim(node)
  const parent = scene.parentOf('d')
  assert.ok(parent !== undefined)
  scene.now = 6000
  assert.deepEqual(scene.claim(parent, { stalled: ['a'] }), UPSTREAM)
  scene.now = 7000
  scene.claim('d', { stalled: [parent] })
  assert.ok(!scene.dropped.includes(parent))
})

test('a parent that is behind is left, but stays for others', () => {
  const scene = new Scene()
  for (const node of ['a', 'b', 'c']) scene.claim(node)
  scene.now = 6000
  assert.deepEqual(scene.claim('b', { behind: ['a'], offset: 100 * MIB }), below('c', 2))
  assert.deepEqual(scene.dropped, [])
  assert.deepEqual(scene.claim('d'), below('a', 1))
})

test('a node known to have much less is no parent, one that lags a little is', () => {
  const scene = new Scene()
  scene.claim('a')
  assert.deepEqual(scene.claim('b', { offset: 33 * MIB }), UPSTREAM)
  assert.deepEqual(scene.claim('c', { offset: 32 * MIB }), below('a', 1))
})

test('what a node had long ago says nothing of what it has', () => {
  const scene = new Scene()
  scene.claim('a')
  scene.now = 5000
  assert.deepEqual(scene.claim('b', { offset: 100 * MIB }), below('a', 1))
})

test('a node that is no member any longer gets no more children, and its own are moved when they claim again', () => {
  const scene = new Scene()
  for (const node of ['a', 'b', 'c']) scene.claim(node)
  scene.gone.add('a')
  assert.notEqual(scene.claim('d').kind === 'parent' && scene.parentOf('d'), 'a')
  assert.notDeepEqual(scene.claim('b'), below('a', 1))
})

test('nobody ever gets content from itself or from more than two children, whatever is claimed and in which order', () => {
  const nodes = Array.from({ length: 12 }, (_, index) => `n${index}`)
  const step = fc.record({
    node: fc.constantFrom(...nodes),
    complaint: fc.constantFrom('none', 'lost', 'stalled', 'behind'),
    others: fc.subarray(nodes, { maxLength: 3 }),
    offset: fc.integer({ min: 0, max: 100 * MIB }),
    pauseMs: fc.constantFrom(0, 10, 6000, 40_000),
    leaves: fc.option(fc.constantFrom(...nodes), { freq: 10 }),
  })
  fc.assert(
    fc.property(fc.array(step, { maxLength: 80 }), steps => {
      const scene = new Scene()
      for (const { node, complaint, others, offset, pauseMs, leaves } of steps) {
        scene.now += pauseMs
        if (leaves !== null) scene.gone.add(leaves)
        const parent = scene.parentOf(node)
        const blamed = complaint === 'none' ? [] : [...others, ...(parent === undefined ? [] : [parent])]
        const source = scene.claim(node, { offset, ...(complaint === 'none' ? {} : { [complaint]: blamed }) })
        if (source.kind === 'upstream') continue
        assert.notEqual(source.node, node)
        assert.ok(scene.childrenOf(source.node).length <= 2)
        let above = scene.parentOf(source.node)
        for (let steps = 0; above !== undefined; steps += 1) {
          assert.ok(steps < nodes.length && above !== node, 'a node is its own ancestor')
          above = scene.parentOf(above)
        }
      }
    }),
  )
})
