// Usage: node sidecar.mjs <folder> [--api-port N] [--swarm-port N] [--swarm-host IP] [--exit-with-stdin]
// Port 0 means any free port. When ready it prints one JSON line and writes <folder>/api; SIGTERM ends it with code 0.
import './bootstrap.mjs'
import { once } from 'node:events'
import { parseArgs } from 'node:util'
import { Folder } from './folder.mjs'
import { createHandlers } from './handlers.mjs'
import { startPeer } from './peer.mjs'
import { PinSet } from './pins.mjs'
import { createRpcServer } from './rpc.mjs'

const OPTIONS = {
  'api-port': { type: 'string', default: '0' },
  'swarm-port': { type: 'string', default: '0' },
  'swarm-host': { type: 'string', default: '127.0.0.1' },
  'exit-with-stdin': { type: 'boolean', default: false }
}

async function main () {
  const { values, positionals } = parseArgs({ options: OPTIONS, allowPositionals: true })
  if (positionals.length !== 1) throw new Error(`expected one folder, got ${JSON.stringify(positionals)}`)
  const folder = new Folder(positionals[0])
  await folder.refuseSecondNode()
  folder.sweepHalfWrittenBlocks()
  const peer = await startPeer({ folder, swarmHost: values['swarm-host'], swarmPort: values['swarm-port'] })
  const pins = new PinSet(folder, peer)
  const stop = () => shutDown({ server, peer, folder })
  const server = createRpcServer({ handlers: createHandlers({ peer, pins, folder, stop }), token: folder.token() })
  server.listen(Number(values['api-port']), '127.0.0.1') // 'error' (port taken) rejects the next line
  await once(server, 'listening')
  for (const signal of ['SIGTERM', 'SIGINT']) process.once(signal, stop)
  if (values['exit-with-stdin']) process.stdin.resume().once('close', stop).once('error', stop)
  announce({ server, peer, folder })
}

function announce ({ server, peer, folder }) {
  const api = `/ip4/127.0.0.1/tcp/${server.address().port}`
  folder.publishApi(api)
  console.log(JSON.stringify({ ready: true, api, peer_id: peer.id, addresses: peer.addresses() }))
}

let stopping = false

async function shutDown ({ server, peer, folder }) {
  if (stopping) return
  stopping = true
  folder.withdrawApi()
  server.close()
  server.closeAllConnections()
  await peer.stop()
  process.exit(0)
}

main().catch(error => {
  console.error(`sidecar: ${error.message}`)
  process.exit(1)
})
