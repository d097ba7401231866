/** Stands between a client and a server and writes down what the client sends: `recorder.ts <listen> <server> <file>`. */
import { createWriteStream } from 'node:fs'
import { connect, createServer } from 'node:net'
import process from 'node:process'

const [listen = '', server = '', file = ''] = process.argv.slice(2)
const hostPort = (text: string): { host: string; port: number } => {
  const { hostname, port } = new URL(`tcp://${text}`)
  return { host: hostname, port: Number(port) }
}

const log = createWriteStream(file, { flags: 'a' })
createServer({ allowHalfOpen: true }, client => {
  const onward = connect({ ...hostPort(server), allowHalfOpen: true })
  client.on('data', chunk => log.write(chunk))
  client.pipe(onward).pipe(client)
  client.on('error', () => onward.destroy())
  onward.on('error', () => client.destroy())
}).listen(hostPort(listen))
