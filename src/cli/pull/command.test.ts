import assert from 'node:assert/strict'
import { Writable } from 'node:stream'
import { test } from 'node:test'
import { sampleImage, sampleTag } from '../../../test/contracts/sample-image.ts'
import { patience } from '../../../test/contracts/store-contract.ts'
import { MemoryLog } from '../../../test/fakes/memory-log.ts'
import { RegistryServer } from '../../../test/fakes/registry-server.ts'
import { temporaryDirectory } from '../../../test/temporary-directory.ts'
import { digestOf } from '../../oci/digest.ts'
import { runPull } from './command.ts'

const image = sampleImage()
const parts = [image.manifest, image.config, ...image.layers]

class Screen extends Writable {
  readonly isTTY: boolean
  readonly columns = 80
  text = ''

  constructor(isTTY: boolean) {
    super({ decodeStrings: false })
    this.isTTY = isTTY
  }

  override _write(chunk: string, _: BufferEncoding, callback: () => void): void {
    this.text += chunk
    callback()
  }
}

async function pull(isTTY: boolean): Promise<{ stdout: string; stderr: string; log: MemoryLog }> {
  await using upstream = await RegistryServer.start()
  await using into = await temporaryDirectory()
  for (const { content } of parts) upstream.put(content)
  upstream.put(image.manifest.content, sampleTag.tag)
  const [stdout, stderr, log] = [new Screen(isTTY), new Screen(isTTY), new MemoryLog()]
  const platform = { os: 'linux', architecture: 'amd64' }
  const flags = { reference: sampleTag, mirror: undefined, upstream: upstream.url, into: into.path, platform }
  await runPull(flags, { log, signal: patience(), stdout, stderr })
  return { stdout: stdout.text, stderr: stderr.text, log }
}

test('without a terminal the result is one JSON line on stdout and progress is logged', async () => {
  const { stdout, stderr, log } = await pull(false)
  const bytes = parts.reduce((sum, { content }) => sum + content.length, 0)
  const { seconds, ...result } = JSON.parse(stdout) as { seconds: number }
  assert.deepEqual(result, {
    reference: 'registry.example:5000/library/sample:v1',
    digest: digestOf(image.manifest.content),
    bytes,
    from: { upstream: bytes },
  })
  assert.ok(seconds > 0)
  assert.equal(stdout.split('\n').length, 2)
  assert.equal(stderr, '')
  for (const message of ['download started', 'download finished']) {
    const digests = log.lines.filter(line => line.message === message).map(({ fields }) => String(fields['digest']))
    assert.deepEqual(digests.toSorted(), parts.map(({ content }) => digestOf(content)).toSorted())
  }
})

test('on a terminal the result is one line to read and each download has a bar that ends full', async () => {
  const { stdout, stderr, log } = await pull(true)
  assert.match(
    stdout,
    /^Pulled registry\.example:5000\/library\/sample:v1 \(sha256:[0-9a-f]{64}\), .* from upstream\n$/,
  )
  for (const { content } of parts) {
    const name = digestOf(content).slice('sha256:'.length).slice(0, 12)
    assert.match(stderr, new RegExp(`${name} █+ (.*) of \\1\\n`))
  }
  assert.deepEqual(log.lines, [])
})
