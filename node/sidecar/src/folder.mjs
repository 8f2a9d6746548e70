// What one node keeps in its folder:
//   peer.key  token          0600; who we are on the swarm, and what a local client must show
//   api                      the multiaddr of the RPC while we run; left behind by a kill, so never proof of life
//   blocks/                  one file per block
//   pins/                    one empty file per pinned root, named by its CID
import { randomBytes } from 'node:crypto'
import fs from 'node:fs'
import path from 'node:path'
import { generateKeyPair, privateKeyFromProtobuf, privateKeyToProtobuf } from '@libp2p/crypto/keys'

export class Folder {
  constructor (root) {
    this.root = path.resolve(root)
    this.blocks = path.join(this.root, 'blocks')
    this.pins = path.join(this.root, 'pins')
    this.api = path.join(this.root, 'api')
    for (const folder of [this.root, this.blocks, this.pins]) fs.mkdirSync(folder, { recursive: true, mode: 0o700 })
  }

  async privateKey () {
    const file = path.join(this.root, 'peer.key')
    if (!fs.existsSync(file)) writeSecret(file, privateKeyToProtobuf(await generateKeyPair('Ed25519')))
    return privateKeyFromProtobuf(fs.readFileSync(file))
  }

  token () {
    const file = path.join(this.root, 'token')
    if (!fs.existsSync(file)) writeSecret(file, randomBytes(32).toString('hex') + '\n')
    return fs.readFileSync(file, 'utf8').trim()
  }

  publishApi (multiaddr) {
    writeWhole(this.api, multiaddr + '\n', 0o600)
  }

  withdrawApi () {
    fs.rmSync(this.api, { force: true })
  }

  // A block is written under a temporary name first; a kill leaves some of those behind.
  sweepHalfWrittenBlocks () {
    for (const shard of fs.readdirSync(this.blocks, { withFileTypes: true }).filter(entry => entry.isDirectory())) {
      const at = path.join(this.blocks, shard.name)
      for (const name of fs.readdirSync(at)) if (name.endsWith('.tmp')) fs.rmSync(path.join(at, name))
    }
  }

  // Two nodes on one folder would delete each other's blocks: whoever answers to this folder's token is the first.
  async refuseSecondNode () {
    if (!fs.existsSync(this.api)) return
    const [, , host, , port] = fs.readFileSync(this.api, 'utf8').trim().split('/')
    const answers = await fetch(`http://${host}:${port}/api/v0/version`, {
      method: 'POST',
      headers: { authorization: `Bearer ${this.token()}` },
      signal: AbortSignal.timeout(2000)
    }).then(response => response.ok, () => false)
    if (answers) throw new Error(`another sidecar already serves ${this.root} at port ${port}; stop it first`)
  }
}

function writeSecret (file, content) {
  writeWhole(file, content, 0o600)
}

function writeWhole (file, content, mode) {
  const temporary = `${file}.${process.pid}.tmp`
  fs.writeFileSync(temporary, content, { mode })
  fs.renameSync(temporary, file)
}
