import { execFile } from 'node:child_process'
import { readFile } from 'node:fs/promises'
import path from 'node:path'
import { promisify } from 'node:util'
import { prepareBase } from './base.ts'
import { openBuildah } from './buildah.ts'

const ROOT = path.resolve(import.meta.dirname, '../..')

export interface ImageOptions {
  /** Where buildah works; can be removed afterwards. */
  readonly scratch: string
  /** An OCI image layout, made or added to, that gets the image as {@link tag}. */
  readonly into: string
  readonly tag: string
  /** Image to build on; default: {@link prepareBase}'s. */
  readonly base?: string
}

async function git(...args: readonly string[]): Promise<string> {
  return (await promisify(execFile)('git', args, { cwd: ROOT })).stdout.trim()
}

async function version(): Promise<string> {
  const file: unknown = JSON.parse(await readFile(path.join(ROOT, 'package.json'), 'utf8'))
  return String(typeof file === 'object' && file !== null ? Reflect.get(file, 'version') : '')
}

/**
 * Builds the image for this machine's platform from `dist/spegel.js`, which must be there. All times in it are that of
 * the commit (or `SOURCE_DATE_EPOCH`), so that one commit makes one digest.
 */
export async function buildImage({ scratch, into, tag, base }: ImageOptions): Promise<void> {
  const buildah = await openBuildah(path.join(scratch, 'buildah'))
  const timestamp = process.env['SOURCE_DATE_EPOCH'] ?? (await git('log', '-1', '--format=%ct'))
  // In a chroot: no right to make namespaces is needed.
  const build = ['bud', '--isolation', 'chroot', '--timestamp', timestamp, '--identity-label=false']
  if (base === undefined) {
    const context = path.join(scratch, 'base')
    await prepareBase(context)
    await buildah([...build, '--tag', 'localhost/spegel-base', context])
  }
  const args = {
    BASE: base ?? 'localhost/spegel-base',
    BUNDLE: 'prebuilt',
    VERSION: await version(),
    REVISION: await git('rev-parse', 'HEAD'),
  }
  const buildArgs = Object.entries(args).flatMap(([name, value]) => ['--build-arg', `${name}=${value}`])
  const ignore = ['--ignorefile', path.join(ROOT, '.dockerignore')]
  await buildah([...build, ...ignore, ...buildArgs, '--tag', 'localhost/spegel', ROOT])
  await buildah(['push', 'localhost/spegel', `oci:${into}:${tag}`])
}
