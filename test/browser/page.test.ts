import assert from 'node:assert/strict'
import path from 'node:path'
import process from 'node:process'
import { after, before, describe, test } from 'node:test'
import axe from 'axe-core'
import type { Browser, BrowserContext, Page } from 'playwright-core'
import { writePage } from '../../scripts/page.ts'
import { API_PATH, type NodeState } from '../../src/web/api/state.ts'
import { type Cluster, startCluster } from '../integration/cluster.ts'
import { metric } from '../integration/node-state.ts'
import { until } from '../until.ts'
import { launch, unlessChromium } from './chromium.ts'

const HOLDER = '127.15.0.1'
const PULLER = '127.15.0.2'
const THIRD = '127.15.0.3'
/** More than sockets between a node and a client that does not read can take up. */
const LAYER_BYTES = 40_000_000
const SECTIONS = ['overview', 'cluster', 'images', 'activity', 'measure'] as const
/** Where pictures of each section go, if anywhere. */
const PICTURES = process.env['SPEGEL_TEST_PICTURES']
/** How bad a finding of the accessibility checker has to be to count. */
const SERIOUS = new Set(['serious', 'critical'])

interface AxeResult {
  readonly violations: readonly {
    readonly id: string
    readonly impact: string
    readonly nodes: readonly { readonly html: string }[]
  }[]
}

describe('the page', { skip: unlessChromium() }, () => {
  let cluster: Cluster
  let browser: Browser
  let context: BrowserContext
  let page: Page
  const complaints: string[] = []
  const foreign: string[] = []

  const base = (host: string): string => cluster.node(host).metricsUrl
  const pull = async (): Promise<number> => {
    const response = await fetch(cluster.node(PULLER).url + cluster.target('blobs', cluster.image.layer.digest))
    return (await response.arrayBuffer()).byteLength
  }
  const open = async (section: string, host = PULLER): Promise<void> => {
    await page.goto(`${base(host)}/debug/web/#${section}`)
    await page.reload()
    await page.getByText(/^Serving\./).waitFor()
  }
  const measured = async (): Promise<void> => {
    await page.getByLabel('Image').fill(image())
    await page.getByRole('button', { name: 'Measure' }).click()
    await page.getByText(/^Done: /).waitFor()
  }
  const image = (): string => {
    const { registry, repository, tag } = cluster.image.reference
    return `${registry}/${repository}:${tag}`
  }

  before(async () => {
    await writePage()
    cluster = await startCluster({ hosts: [HOLDER, PULLER, THIRD], holders: [HOLDER, THIRD], layerBytes: LAYER_BYTES })
    await cluster.found(PULLER)
    browser = await launch()
    context = await browser.newContext()
    page = await context.newPage()
    page.on('console', message => {
      if (message.type() === 'error' || message.type() === 'warning') complaints.push(message.text())
    })
    page.on('pageerror', error => complaints.push(String(error)))
    page.on('request', request => {
      if (!request.url().startsWith(base(PULLER)) && !request.url().startsWith(base(HOLDER))) {
        if (!request.url().startsWith('data:')) foreign.push(request.url())
      }
    })
  })
  after(async () => {
    await browser?.close()
    await cluster?.[Symbol.asyncDispose]()
  })

  test('the overview tells what was received, to the byte, and goes on to as more comes', async () => {
    const first = await pull()
    await open('overview')
    const tile = page
      .locator('.tiles div')
      .filter({ has: page.getByText('From peers', { exact: true }) })
      .locator('dd')
    const shown = async (): Promise<number> => Number(await tile.getAttribute('data-bytes'))
    const total = await metric(cluster.node(PULLER), 'spegel_served_bytes_total', { source: 'peer' })
    await until(async () => (await shown()) === total)
    assert.ok(total >= first)
    const second = await pull()
    await until(async () => (await shown()) === total + second)
    assert.equal(await page.locator('.uplot canvas').count(), 1)
    await page.getByText('2 peers.').waitFor()
  })

  test('a pull is shown as it goes', async () => {
    await open('overview')
    const stop = new AbortController()
    const target = cluster.node(PULLER).url + cluster.target('blobs', cluster.image.layer.digest)
    const response = await fetch(target, { signal: stop.signal })
    const bar = page.getByRole('progressbar')
    await bar.waitFor()
    const value = async (name: string): Promise<number> => Number(await bar.getAttribute(name))
    assert.equal(await value('max'), LAYER_BYTES)
    assert.ok((await value('value')) < LAYER_BYTES)
    stop.abort()
    await response.body?.cancel().catch(() => {})
    await page.getByText('No request is being answered.').waitFor()
  })

  test('the cluster is that which the node sees, with what went to and fro', async () => {
    await open('cluster')
    const rows = page.locator('tbody tr')
    await until(async () => (await rows.count()) === 2)
    const received = await page
      .locator('tbody td[data-bytes]:nth-child(4)')
      .evaluateAll(cells => cells.map(cell => Number(cell.getAttribute('data-bytes'))))
    const total = await metric(cluster.node(PULLER), 'spegel_served_bytes_total', { source: 'peer' })
    assert.equal(
      received.reduce((sum, each) => sum + each, 0),
      total,
    )
    assert.equal(await page.locator('.map circle').count(), 3)
  })

  test('an image is shown with its pieces and who else holds them', async () => {
    await open('images', HOLDER)
    await page.getByText(image()).click()
    await page.getByText(`${THIRD}:${cluster.ports.registry}`).first().waitFor()
    assert.equal(await page.locator('tbody tr').count(), 3)
    await page.getByLabel('Filter').fill('no such image')
    await page.getByText('0 of 1 images').waitFor()
  })

  test('a request is shown with its trace', async () => {
    await pull()
    await open('activity')
    const request = page.locator('ol > li').first()
    await request.locator('summary').click()
    await request
      .getByText(/answered after/)
      .first()
      .waitFor()
    assert.match(await request.innerText(), /served/)
    assert.match(await request.innerText(), /40\.0 MB/)
  })

  test('a measurement shows what was fetched from where', async () => {
    await open('measure')
    await measured()
    assert.equal(await page.locator('.waterfall tr').count(), 3)
    const shown = Number(await page.locator('main [role=status]').getAttribute('data-bytes'))
    assert.ok(shown > LAYER_BYTES)
  })

  test('a measurement can be cancelled', async () => {
    await open('measure')
    cluster.node(HOLDER).kill('SIGSTOP')
    cluster.node(THIRD).kill('SIGSTOP')
    try {
      await page.getByLabel('Image').fill(image())
      await page.getByRole('button', { name: 'Measure' }).click()
      await page.getByRole('button', { name: 'Cancel' }).click()
      await page.getByText('Cancelled.').waitFor()
      await until(async () => {
        const response = await fetch(`${base(PULLER)}${API_PATH}/measure?image=registry.example/none:1`)
        await response.body?.cancel()
        return response.status === 200
      })
    } finally {
      cluster.node(HOLDER).kill('SIGCONT')
      cluster.node(THIRD).kill('SIGCONT')
    }
  })

  test('hostile names are shown, and do not run', async () => {
    const hostile = '<img src=x onerror=document.title="run">'
    await fetch(`${cluster.node(PULLER).url}/v2/team/app/manifests/${encodeURIComponent(hostile)}?ns=registry.example`)
    await open('measure')
    await page.getByLabel('Image').fill(hostile)
    await page.getByRole('button', { name: 'Measure' }).click()
    await page.getByRole('alert').waitFor()
    // The browser reports the refusal of that name, as it should.
    complaints.splice(0, complaints.length, ...complaints.filter(text => !text.includes('400')))
    for (const section of ['activity', 'images']) {
      await open(section)
      assert.equal(await page.locator('main img').count(), 0)
    }
    assert.ok(!(await page.title()).includes('run'))
  })

  test('nothing that a policy could keep out is let in', async () => {
    const response = await fetch(`${base(PULLER)}/debug/web/`)
    const policy = response.headers.get('content-security-policy') ?? ''
    assert.match(policy, /^default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'/)
    assert.ok(!policy.includes('unsafe'))
    assert.equal((await fetch(`${cluster.node(PULLER).url}/debug/web/`)).status, 404)
  })

  for (const colorScheme of ['light', 'dark'] as const) {
    for (const section of SECTIONS) {
      test(`${section} in ${colorScheme} is accessible, and fits a narrow screen`, async () => {
        await page.emulateMedia({ colorScheme })
        await page.setViewportSize({ width: 360, height: 740 })
        await open(section, section === 'images' ? HOLDER : PULLER)
        if (section === 'images') await page.locator('summary').first().click()
        if (section === 'activity') await page.locator('summary').first().click()
        if (section === 'measure') await measured()
        const overflow = await page.evaluate(
          'document.documentElement.scrollWidth - document.documentElement.clientWidth',
        )
        assert.equal(overflow, 0)
        await page.evaluate(axe.source)
        const { violations } = (await page.evaluate('axe.run()')) as AxeResult
        const serious = violations.filter(({ impact }) => SERIOUS.has(impact))
        assert.deepEqual(
          serious.map(({ id, nodes }) => [id, nodes[0]?.html]),
          [],
        )
        if (PICTURES !== undefined) {
          await page.setViewportSize({ width: 1100, height: 800 })
          await page.screenshot({ path: path.join(PICTURES, `${section}-${colorScheme}.png`) })
        }
      })
    }
  }

  test('the sections can be walked through by keyboard', async () => {
    await open('overview')
    await page.locator('body').focus()
    await page.keyboard.press('Tab')
    assert.equal(await page.evaluate('document.activeElement.textContent'), 'Skip to content')
    await page.keyboard.press('Tab')
    await page.keyboard.press('Tab')
    await page.keyboard.press('Enter')
    await page.getByRole('heading', { name: 'Cluster' }).waitFor()
  })

  test('the page complained of nothing, and asked nobody but its node', async () => {
    assert.deepEqual(complaints, [])
    assert.deepEqual(foreign, [])
    const node = (await (await fetch(`${base(PULLER)}${API_PATH}/node`)).json()) as NodeState
    assert.equal(node.peers, 2)
  })
})
