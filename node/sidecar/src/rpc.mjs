// The HTTP front: only POST, only from this machine's own programs that know the token, never from a browser.
import { timingSafeEqual } from 'node:crypto'
import { setMaxListeners } from 'node:events'
import http from 'node:http'
import { RpcError } from './errors.mjs'

const PREFIX = '/api/v0/'

export function createRpcServer ({ handlers, token }) {
  const server = http.createServer((request, response) => serve({ request, response, handlers, token }))
  server.requestTimeout = 0 // an upload may take longer than Node's five minutes
  return server
}

async function serve ({ request, response, handlers, token }) {
  const gone = new AbortController()
  setMaxListeners(0, gone.signal) // one listener per block of a large file
  response.on('close', () => { if (!response.writableFinished) gone.abort() })
  try {
    guard(request, token)
    const { pathname, searchParams: query } = new URL(request.url, 'http://localhost')
    const handler = pathname.startsWith(PREFIX) ? handlers.get(pathname.slice(PREFIX.length)) : undefined
    if (!handler) throw new RpcError(`no such call: ${pathname}`, 404)
    const result = await handler({ query, request, response, signal: gone.signal })
    if (result !== undefined) sendJson(response, 200, result)
  } catch (error) {
    if (!gone.signal.aborted) fail(request, response, error)
  }
}

function guard (request, token) {
  // A page that rebinds its name to 127.0.0.1 keeps its name in Host; a page on another origin sends Origin.
  const host = (request.headers.host ?? '').replace(/:\d+$/, '')
  if (!['127.0.0.1', 'localhost'].includes(host)) throw new RpcError(`host "${host}" is not this machine`, 403)
  const { origin, referer, authorization, 'user-agent': agent } = request.headers
  if (origin || referer || /^Mozilla/.test(agent ?? '')) throw new RpcError('browsers may not use this API', 403)
  if (request.method !== 'POST') throw new RpcError(`expected POST, got ${request.method}`, 405)
  if (!sameText(authorization ?? '', `Bearer ${token}`)) throw new RpcError('missing or wrong bearer token', 401)
}

function sameText (left, right) {
  const [a, b] = [Buffer.from(left), Buffer.from(right)]
  return a.length === b.length && timingSafeEqual(a, b)
}

function fail (request, response, error) {
  if (response.headersSent) return response.destroy() // too late for a status: break the stream
  if (!(error instanceof RpcError)) console.error(`${request.url}: ${error.stack}`)
  request.resume() // read the rest of an upload, else the client sees a reset instead of this answer
  sendJson(response, error.status ?? 500, { Message: error.message, Code: 0, Type: 'error' })
}

function sendJson (response, status, value) {
  response.writeHead(status, { 'content-type': 'application/json' })
  response.end(JSON.stringify(value))
}
