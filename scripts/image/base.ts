/** An image with nothing but Node.js and the libraries it needs, for where no registry can be asked for one. */
import { execFile } from 'node:child_process'
import { copyFile, mkdir, writeFile } from 'node:fs/promises'
import path from 'node:path'
import { promisify } from 'node:util'

const NODE = path.resolve(import.meta.dirname, `../../node_modules/node-linux-${process.arch}/bin/node`)

/** What a resolver and a look at the own user need. */
const FILES: Readonly<Record<string, string>> = {
  'etc/group': 'root:x:0:\n',
  'etc/nsswitch.conf': 'hosts: files dns\n',
  'etc/passwd': 'root:x:0:0:root:/:/sbin/nologin\n',
}

/** Paths of the shared libraries that `program` loads, the loader included. */
async function librariesOf(program: string): Promise<readonly string[]> {
  const { stdout } = await promisify(execFile)('ldd', [program])
  return [...stdout.matchAll(/(?:=> |^\s*)(\/\S+) \(0x/gm)].map(([, library = '']) => library)
}

/**
 * Fills `directory`, the context of a build, with a Dockerfile and what goes into the image: Node.js of npm at the place
 * where distroless images have it.
 */
export async function prepareBase(directory: string): Promise<void> {
  const root = path.join(directory, 'root')
  const add = async (name: string, write: (file: string) => Promise<void>): Promise<void> => {
    const file = path.join(root, name)
    await mkdir(path.dirname(file), { recursive: true })
    await write(file)
  }
  await add('nodejs/bin/node', file => copyFile(NODE, file))
  for (const library of await librariesOf(NODE)) await add(library, file => copyFile(library, file))
  for (const [name, text] of Object.entries(FILES)) await add(name, file => writeFile(file, text))
  await writeFile(path.join(directory, 'Dockerfile'), 'FROM scratch\nCOPY root/ /\n')
}
