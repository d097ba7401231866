import { type Finding, findingsOf } from '../finding.ts'

const { ok, warning, failure } = findingsOf('content-path')

export interface ContentPathFacts {
  /** As given; empty: where containerd says. */
  readonly contentPath: string
  /** Where containerd says that content is; undefined where it does not. */
  readonly announced: string | undefined
  /** Why content can't be read in a directory; undefined where it can. */
  readonly troubleWith: (directory: string) => Promise<string | undefined>
  /** Whether two paths are one directory; undefined where either can't be seen from here. */
  readonly isSame: (one: string, other: string) => Promise<boolean | undefined>
}

/** Whether content can be read from the directory that containerd keeps it in. */
export async function checkContentPath(facts: ContentPathFacts): Promise<Finding> {
  const { contentPath, announced, troubleWith, isSame } = facts
  const directory = contentPath === '' ? announced : contentPath
  if (directory === undefined) {
    return warning('containerd does not say where content is', 'give its directory with --containerd-content-path')
  }
  const trouble = await troubleWith(directory)
  if (trouble !== undefined) {
    const where = announced !== undefined && announced !== directory ? `, which is ${announced},` : ''
    return warning(
      `${directory} ${trouble}: content is read over the socket, slowly, and not shared while it is fetched`,
      `mount the content directory${where} and give it with --containerd-content-path`,
    )
  }
  if (announced !== undefined && (await isSame(directory, announced)) === false) {
    return failure(
      `${directory} is not the content directory of this containerd`,
      `give --containerd-content-path=${announced}`,
    )
  }
  return ok(`content can be read in ${directory}`)
}
