import process from 'node:process'
import type { TestHost } from '../interop/network.ts'
import { run } from './program.ts'

export interface TimedAnswer {
  readonly status: number
  readonly body: string
  readonly ms: number
}

/** Asks for each URL in turn, with a pause between two. */
const SCRIPT = `
const [method, pauseMs, ...urls] = process.argv.slice(1)
const answers = []
for (const url of urls) {
  const startedAt = performance.now()
  try {
    const response = await fetch(url, { method })
    answers.push({ status: response.status, body: await response.text(), ms: performance.now() - startedAt })
  } catch {
    answers.push({ status: 0, body: '', ms: performance.now() - startedAt })
  }
  await new Promise(resolve => setTimeout(resolve, Number(pauseMs)))
}
console.log(JSON.stringify(answers))
`

/**
 * Requests made on a host that this process can't reach, one after the other.
 * @param options `pauseMs`: between two of them; default: none
 * @returns the answers in order; status 0 where there was none
 */
export async function requestsWithin(
  host: TestHost,
  urls: readonly string[],
  options: { readonly method?: 'GET' | 'HEAD'; readonly pauseMs?: number } = {},
): Promise<readonly TimedAnswer[]> {
  const { method = 'GET', pauseMs = 0 } = options
  const node = [process.execPath, '--input-type=module', '-e', SCRIPT, method, String(pauseMs), ...urls]
  const [program = '', ...args] = host.within(node)
  return JSON.parse(await run(program, args))
}
