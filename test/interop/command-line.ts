import process from 'node:process'
import { createInterface } from 'node:readline'

/** What a node can be asked to do; each takes words and gives something that JSON can carry. */
export type Commands = Readonly<Record<string, (params: readonly string[]) => unknown>>

interface Request {
  readonly id: number
  readonly method: string
  readonly params: readonly string[]
}

/** Answers each request of stdin (one JSON object a line) on stdout, several at the same time, until stdin ends. */
export async function serveCommands(commands: Commands): Promise<void> {
  const running = new Set<Promise<void>>()
  for await (const line of createInterface({ input: process.stdin })) {
    const answering = answer(commands, JSON.parse(line)).finally(() => running.delete(answering))
    running.add(answering)
  }
  await Promise.all(running)
}

async function answer(commands: Commands, { id, method, params }: Request): Promise<void> {
  try {
    const command = commands[method]
    if (command === undefined) throw new Error(`unknown method ${method}`)
    write({ id, result: await command(params) })
  } catch (error) {
    write({ id, error: error instanceof Error ? error.message : String(error) })
  }
}

function write(response: unknown): void {
  process.stdout.write(`${JSON.stringify(response)}\n`)
}
