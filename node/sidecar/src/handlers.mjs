// The calls of the Kubo RPC that Ten Wings uses, each `async ({ query, request, response, signal })`. What a call
// returns is sent as JSON; a call that writes the response itself returns nothing.
import fs from 'node:fs/promises'
import path from 'node:path'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { unixfs } from '@helia/unixfs'
import { exporter } from 'ipfs-unixfs-exporter'
import { fixedSize } from 'ipfs-unixfs-importer/chunker'
import { balanced } from 'ipfs-unixfs-importer/layout'
import { base32upper } from 'multiformats/bases/base32'
import { CID } from 'multiformats/cid'
import { sha256 } from 'multiformats/hashes/sha2'
import { RpcError } from './errors.mjs'
import { readBlock } from './pins.mjs'
import { uploadedFile } from './upload.mjs'

const VERSION = '0.1.0'
const MAX_CHUNK_BYTES = 2 ** 20
const JSON_LINES = { 'content-type': 'application/json', 'x-chunked-output': '1' }

export function createHandlers ({ peer, pins, folder, stop }) {
  const files = unixfs(peer.helia)

  async function add ({ query, request, response, signal }) {
    const options = importOptions(query)
    const release = await pins.lock.readLock()
    try {
      let last
      // `path` of a lone file is empty, so that the importer makes no directory around it.
      const source = [{ content: uploadedFile(request) }]
      for await (const entry of files.addAll(source, { ...options, signal })) last = entry
      if (flag(query, 'pin', true)) await pins.keep(last.cid) // before the answer: who has the CID has the pin
      const cid = last.cid.toString()
      response.writeHead(200, JSON_LINES)
      response.end(JSON.stringify({ Name: cid, Hash: cid, Size: String(last.size) }) + '\n')
    } finally {
      release()
    }
  }

  async function cat ({ query, response, signal }) {
    const cid = cidOf(query)
    const entry = await exporter(cid, peer.blocks, { signal })
    if (!['file', 'raw'].includes(entry.type)) throw new RpcError(`${cid} is a ${entry.type}, not a file`)
    // The default reads every block ahead: first byte after seconds, the whole file in memory.
    const content = entry.content({ signal, blockReadConcurrency: 8 })
    const first = await content.next() // its failure can still be told by a status
    response.writeHead(200, { 'content-type': 'text/plain', 'x-stream-output': '1' })
    if (first.done) return void response.end()
    response.write(first.value)
    await pipeline(Readable.from(content, { objectMode: true, highWaterMark: 8 }), response)
  }

  async function pinAdd ({ query, signal }) {
    const cid = cidOf(query)
    const release = await pins.lock.readLock()
    try {
      await pins.add(cid, signal)
    } finally {
      release()
    }
    return { Pins: [cid.toString()] }
  }

  async function pinRm ({ query }) {
    const cid = cidOf(query)
    if (!await pins.has(cid)) throw new RpcError('not pinned or pinned indirectly')
    await pins.remove(cid)
    return { Pins: [cid.toString()] }
  }

  async function pinLs ({ query }) {
    if (query.has('arg') && !await pins.has(cidOf(query))) throw new RpcError(`path '${query.get('arg')}' is not pinned`)
    const roots = query.has('arg') ? [cidOf(query)] : await pins.list()
    return { Keys: Object.fromEntries(roots.map(cid => [cid.toString(), { Type: 'recursive' }])) }
  }

  async function block ({ query, signal }) {
    const cid = cidOf(query)
    const offline = flag(query, 'offline', false)
    if (offline && !await peer.files.has(cid)) throw new RpcError(`block was not found locally (offline): ${cid}`)
    return { cid, bytes: await readBlock(peer.blocks, cid, { signal }) }
  }

  async function blockGet (call) {
    const { bytes } = await block(call)
    call.response.writeHead(200, { 'content-type': 'text/plain' })
    call.response.end(bytes)
  }

  async function blockStat (call) {
    const { cid, bytes } = await block(call)
    return { Key: cid.toString(), Size: bytes.length }
  }

  async function repoGc ({ response }) {
    const removed = pins.collect()
    let next = await removed.next() // what fails before anything is removed can still be told by a status
    response.writeHead(200, JSON_LINES)
    for (; !next.done; next = await removed.next()) {
      const cid = CID.decode(base32upper.decode(next.value)) // the file name keeps no codec, so a version 0 CID
      response.write(JSON.stringify({ Key: { '/': cid.toString() } }) + '\n')
    }
    response.end()
  }

  async function repoStat () {
    let count = 0
    let size = 0
    for await (const file of pins.files()) {
      count += 1
      size += (await fs.stat(file)).size
    }
    return { NumObjects: count, RepoSize: size, RepoPath: folder.root, Version: VERSION, StorageMax: 0 }
  }

  // With `drop`, a block that no longer hashes to its name is removed, so that the next read fetches it from a peer.
  async function repoVerify ({ query, response }) {
    response.writeHead(200, JSON_LINES)
    for await (const file of pins.files()) {
      const expected = path.basename(file, '.data')
      const { bytes } = await sha256.digest(await fs.readFile(file))
      if (base32upper.encode(bytes) === expected) continue
      if (flag(query, 'drop', false)) await fs.rm(file, { force: true })
      response.write(JSON.stringify({ Msg: `block ${CID.decode(base32upper.decode(expected))} was corrupt` }) + '\n')
    }
    response.end()
  }

  async function swarmConnect ({ query, signal }) {
    const address = argument(query)
    const peerId = await peer.connect(address, signal).catch(error => { throw new RpcError(`no connection to ${address}: ${error.message}`) })
    return { Strings: [`connect ${peerId} success`] }
  }

  async function swarmPeers () {
    const describe = link => ({ Addr: link.remoteAddr.toString().replace(/\/p2p\/.*/, ''), Peer: link.remotePeer.toString() })
    return { Peers: peer.connections().map(describe) }
  }

  const version = async () => ({ Version: VERSION, Commit: '', Repo: '', System: `${process.arch}/${process.platform}`, Golang: '' })
  const id = async () => ({ ID: peer.id, PublicKey: '', Addresses: peer.addresses(), AgentVersion: `ten-wings-sidecar/${VERSION}`, Protocols: peer.libp2p.getProtocols() })
  const shutdown = async ({ response }) => { response.end(); setImmediate(stop) }

  return new Map(Object.entries({
    add,
    cat,
    id,
    version,
    shutdown,
    'pin/add': pinAdd,
    'pin/rm': pinRm,
    'pin/ls': pinLs,
    'block/get': blockGet,
    'block/stat': blockStat,
    'repo/gc': repoGc,
    'repo/stat': repoStat,
    'repo/verify': repoVerify,
    'swarm/connect': swarmConnect,
    'swarm/peers': swarmPeers
  }))
}

function importOptions (query) {
  const chunker = /^size-(\d+)$/.exec(query.get('chunker') ?? 'size-262144')
  const chunkSize = Number(chunker?.[1])
  if (!(chunkSize >= 1 && chunkSize <= MAX_CHUNK_BYTES)) {
    throw new RpcError(`expected chunker size-1 to size-${MAX_CHUNK_BYTES}, got ${query.get('chunker')}`, 400)
  }
  const cidVersion = Number(query.get('cid-version') ?? 0)
  return {
    cidVersion,
    rawLeaves: flag(query, 'raw-leaves', cidVersion === 1),
    chunker: fixedSize({ chunkSize }),
    layout: balanced({ maxChildrenPerNode: Number(query.get('max-file-links') ?? 174) }),
    reduceSingleLeafToSelf: true,
    leafType: 'file',
    fileImportConcurrency: 1, // the default waits for 50 files before it reads the first
    blockWriteConcurrency: 20
  }
}

// ipfshttpclient writes booleans the Python way: True, False.
function flag (query, name, otherwise) {
  return query.has(name) ? ['true', '1'].includes(query.get(name).toLowerCase()) : otherwise
}

function argument (query) {
  const text = query.get('arg')
  if (!text) throw new RpcError('argument "arg" is required', 400)
  return text
}

function cidOf (query) {
  const text = argument(query)
  try {
    return CID.parse(text.replace(/^\/ipfs\//, ''))
  } catch (error) {
    throw new RpcError(`invalid path "${text}": ${error.message}`)
  }
}
