// Pins and garbage collection: a pin is one file per root, collection marks what the roots reach and sweeps the rest.
// Helia's own pins count references per block; after an unpin they keep the wrong owner of a shared block
// (@helia/utils 2.5.2, pins.js, `filter`), so a block that two files share could be collected while one is pinned.
import fs from 'node:fs/promises'
import path from 'node:path'
import * as dagPb from '@ipld/dag-pb'
import createMortice from 'mortice'
import { base32 } from 'multiformats/bases/base32'
import { CID } from 'multiformats/cid'
import * as raw from 'multiformats/codecs/raw'
import { RpcError } from './errors.mjs'

const FETCH_AT_ONCE = 8

export class PinSet {
  constructor (folder, peer) {
    this.folder = folder
    this.peer = peer
    // Adding and pinning share it, collection has it alone: no block is swept between its arrival and its pin.
    this.lock = createMortice({ singleProcess: true })
  }

  #file (cid) {
    return path.join(this.folder.pins, cid.toV1().toString(base32))
  }

  async has (cid) {
    return fs.access(this.#file(cid)).then(() => true, () => false)
  }

  // The caller knows that every block under the root is here.
  async keep (cid) {
    await fs.writeFile(this.#file(cid), '')
  }

  // Fetches what is missing, then keeps the root.
  async add (cid, signal) {
    await this.#fetchAll(cid, signal)
    await this.keep(cid)
  }

  async remove (cid) {
    await fs.rm(this.#file(cid))
  }

  async list () {
    return (await fs.readdir(this.folder.pins)).map(name => CID.parse(name))
  }

  async #fetchAll (cid, signal) {
    if (cid.code === raw.code && await this.peer.files.has(cid)) return
    const block = await readBlock(this.peer.blocks, cid, { signal })
    const links = linksOf(cid, block)
    for (let i = 0; i < links.length; i += FETCH_AT_ONCE) {
      await Promise.all(links.slice(i, i + FETCH_AT_ONCE).map(link => this.#fetchAll(link, signal)))
    }
  }

  // Yields the multihash text of every block file removed.
  async * collect () {
    const release = await this.lock.writeLock()
    try {
      const kept = new Set()
      for (const root of await this.list()) await this.#mark(root, kept)
      for await (const file of this.files()) {
        if (kept.has(path.basename(file))) continue
        await fs.rm(file, { force: true })
        yield path.basename(file, '.data')
      }
    } finally {
      release()
    }
  }

  async #mark (cid, kept) {
    const name = this.peer.files.shardingStrategy.encode(cid).file
    if (kept.has(name)) return
    kept.add(name)
    if (cid.code === raw.code) return
    // A node block that cannot be read hides what it links to: stop before anything is swept.
    const block = await readBlock(this.peer.files, cid)
    for (const link of linksOf(cid, block)) await this.#mark(link, kept)
  }

  // Paths of all block files.
  async * files () {
    const shards = await fs.readdir(this.folder.blocks, { withFileTypes: true })
    for (const shard of shards.filter(entry => entry.isDirectory())) {
      const at = path.join(this.folder.blocks, shard.name)
      for (const name of await fs.readdir(at)) if (name.endsWith('.data')) yield path.join(at, name)
    }
  }
}

export async function readBlock (store, cid, options) {
  const pieces = []
  for await (const piece of store.get(cid, options)) pieces.push(piece)
  return pieces.length === 1 ? pieces[0] : Buffer.concat(pieces)
}

function linksOf (cid, block) {
  if (cid.code === raw.code) return []
  if (cid.code !== dagPb.code) throw new RpcError(`codec 0x${cid.code.toString(16)} of ${cid} is neither raw nor dag-pb`)
  return dagPb.decode(block).Links.map(link => link.Hash)
}
