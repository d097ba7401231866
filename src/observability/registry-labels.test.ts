import assert from 'node:assert/strict'
import test from 'node:test'
import { RegistryLabels } from './registry-labels.ts'

test('the first hundred registries are named, later ones are other', () => {
  const labels = new RegistryLabels()
  const names = Array.from({ length: 100 }, (_, i) => `${i}.example.com`)
  for (const name of names) assert.equal(labels.label(name), name)
  assert.equal(labels.label('late.example.com'), 'other')
  for (const name of names) assert.equal(labels.label(name), name)
})

test('an unknown registry is other and takes no place', () => {
  const labels = new RegistryLabels()
  for (let i = 0; i < 100; i++)
    assert.equal(labels.label(i === 50 ? 'docker.io' : ''), i === 50 ? 'docker.io' : 'other')
  for (let i = 0; i < 99; i++) assert.equal(labels.label(`${i}.io`), `${i}.io`)
  assert.equal(labels.label('99.io'), 'other')
})
