/**
 * Says that it has nothing, at once, to whatever it is asked: `bare-server.ts <host> <port>`. What a request to it waits is the
 * least that a mirror could cost on the same machine.
 */
import { createServer } from 'node:http'
import process from 'node:process'

const [host, port] = process.argv.slice(2)
createServer((_, response) => {
  response.writeHead(404, { 'content-length': 0 }).end()
}).listen(Number(port), host)
