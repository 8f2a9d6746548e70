// Builds <target>/sidecar.mjs, one file without native addons, and <target>/LICENSES.txt of what went into it.
// The bytes depend only on the sources and on package-lock.json.
import fs from 'node:fs'
import path from 'node:path'
import { build } from 'esbuild'

const here = import.meta.dirname ?? path.dirname(new URL(import.meta.url).pathname)
const target = path.resolve(process.argv[2] ?? path.join(here, 'dist'))

const NO_FILE = 'These packages hold no licence file; the identifier of the licence and the source are above.'

const { metafile } = await build({
  absWorkingDir: here,
  entryPoints: ['src/main.mjs'],
  outfile: path.join(target, 'sidecar.mjs'),
  bundle: true,
  platform: 'node',
  target: 'node20',
  format: 'esm',
  minify: true,
  legalComments: 'none', // LICENSES.txt has them all
  metafile: true,
  // CommonJS packages inside an ES module still call require() for Node's own modules.
  banner: { js: "import { createRequire as __createRequire } from 'node:module'; const require = __createRequire(import.meta.url);" }
})
fs.writeFileSync(path.join(target, 'LICENSES.txt'), licences(Object.keys(metafile.inputs)))

function licences (inputs) {
  const folders = new Set(inputs.filter(file => file.includes('node_modules/')).map(packageFolder))
  const byText = new Map()
  for (const folder of [...folders].sort()) {
    const about = JSON.parse(fs.readFileSync(path.join(here, folder, 'package.json')))
    const license = about.license ?? about.licenses.map(entry => entry.type).join(' OR ')
    const source = (about.repository?.url ?? about.repository ?? '').replace(/^git\+|\.git$/g, '')
    const text = licenceText(path.join(here, folder))
    byText.set(text, [...byText.get(text) ?? [], `${about.name} ${about.version} (${license}) ${source}`])
  }
  const blocks = [...byText].map(([text, names]) => `${[...new Set(names)].sort().join('\n')}\n\n${text}\n`)
  return `Packages bundled in sidecar.mjs, with their licences.\n\n${blocks.sort().join('\n' + '-'.repeat(80) + '\n\n')}`
}

function packageFolder (file) {
  const parts = file.split('/')
  const at = parts.lastIndexOf('node_modules')
  return parts.slice(0, at + (parts[at + 1].startsWith('@') ? 3 : 2)).join('/')
}

function licenceText (folder) {
  const names = fs.readdirSync(folder).filter(name => /^(licen[cs]e|copying|notice)/i.test(name)).sort()
  const texts = names.map(name => fs.readFileSync(path.join(folder, name), 'utf8').replace(/\r\n/g, '\n').trim())
  return texts.length > 0 ? texts.join('\n\n') : NO_FILE
}
