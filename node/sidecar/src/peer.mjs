// The IPFS node itself: Helia over TCP + Noise + Yamux + bitswap, and nothing else. No DHT, no bootstrap nodes, no
// gateways: it talks only to peers that it was told to connect to, or that dial it.
import fs from 'node:fs/promises'
import path from 'node:path'
import { noise } from '@chainsafe/libp2p-noise'
import { yamux } from '@chainsafe/libp2p-yamux'
import { bitswap } from '@helia/block-brokers'
import { Helia } from '@helia/utils'
import { identify } from '@libp2p/identify'
import { tcp } from '@libp2p/tcp'
import { multiaddr } from '@multiformats/multiaddr'
import { FsBlockstore } from 'blockstore-fs'
import { MemoryDatastore } from 'datastore-core'
import { NotFoundError } from 'interface-store'
import { createLibp2p } from 'libp2p'

// A peer that we were told to connect to and lose is dialled again for about ten minutes.
const RECONNECT = { reconnectRetries: 60, reconnectRetryInterval: 1000, reconnectBackoffFactor: 1.08 }

// Defaults of 2 and 10 seconds cut connections of a machine that is busy training, and slow uplinks in the middle of a
// message, which holds up to 4 MiB.
const PING = { pingTimeout: { minTimeout: 30_000 } }
const MESSAGES = { messageSendTimeout: 60_000, messageReceiveTimeout: 60_000 }

export async function startPeer ({ folder, swarmHost, swarmPort }) {
  const files = new BlockFiles(folder.blocks)
  await files.open()
  const datastore = new MemoryDatastore() // addresses of peers; pins live in files of our own (pins.mjs)
  const libp2p = await createLibp2p({
    privateKey: await folder.privateKey(),
    datastore,
    addresses: { listen: [`/ip4/${swarmHost}/tcp/${swarmPort}`] },
    transports: [tcp()],
    connectionEncrypters: [noise()],
    streamMuxers: [yamux()],
    connectionManager: RECONNECT,
    connectionMonitor: PING,
    services: { identify: identify() }
  })
  const helia = new Helia({ libp2p, blockstore: files, datastore, blockBrokers: [bitswap(MESSAGES)], routers: [] })
  await helia.start()
  return new Peer(helia, files)
}

// Reads a block in one piece; the parent streams it in pieces of 64 KiB, which costs half of the speed of `cat`.
class BlockFiles extends FsBlockstore {
  async * get (cid, options) {
    const { dir, file } = this.shardingStrategy.encode(cid)
    try {
      yield await fs.readFile(path.join(this.path, dir, file), { signal: options?.signal })
    } catch (error) {
      throw new NotFoundError(String(error))
    }
  }
}

class Peer {
  constructor (helia, files) {
    this.helia = helia
    this.libp2p = helia.libp2p
    this.blocks = helia.blockstore // local first, then bitswap
    this.files = files // local only
  }

  get id () {
    return this.libp2p.peerId.toString()
  }

  addresses () {
    return this.libp2p.getMultiaddrs().map(String)
  }

  async connect (address, signal) {
    const connection = await this.libp2p.dial(multiaddr(address), { signal })
    await this.libp2p.peerStore.merge(connection.remotePeer, { tags: { 'keep-alive': { value: 50 } } })
    return connection.remotePeer.toString()
  }

  connections () {
    return this.libp2p.getConnections()
  }

  async stop () {
    await this.helia.stop()
    await this.files.close()
  }
}
