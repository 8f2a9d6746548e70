#!/usr/bin/env -S node --liftoff-only
// npm's solc (wasm) behind the command line of native solc: --version and --standard-json.
//
// py-solc-x, brownie, forge and slither reach it through the link .solcx/solc-v<version>. --liftoff-only spares the
// optimising wasm compiler, which costs more than it saves on a run of a few seconds.
'use strict';

const fs = require('fs');
const path = require('path');

const ROOT = path.join(path.dirname(fs.realpathSync(__filename)), '..', '..'); // realpath: we are reached by a link
const ENTRY = require.resolve('solc', { paths: [ROOT] });
// py-solc-x asks for the version before every compile; a known one spares loading 9 MB of wasm.
const LONG_VERSIONS = { '0.8.37': '0.8.37+commit.f401782d.Emscripten.clang' };

function fail(message) {
  console.error(message);
  process.exit(1);
}

function parse(argv) {
  const options = { version: false, standardJson: false, roots: ['.'], allowed: [] };
  const rest = [...argv];
  while (rest.length) {
    const flag = rest.shift();
    if (flag === '--version') options.version = true;
    else if (flag === '--standard-json') options.standardJson = true;
    else if (flag === '--base-path') options.roots[0] = rest.shift();
    else if (flag === '--include-path') options.roots.push(rest.shift());
    else if (flag === '--allow-paths') options.allowed.push(...rest.shift().split(',').filter(Boolean));
    else if (flag !== '-') fail(`unrecognised option '${flag}': this shim knows --version and --standard-json`);
  }
  return options;
}

function version() {
  const short = require(path.join(path.dirname(ENTRY), 'package.json')).version;
  return LONG_VERSIONS[short] || require(ENTRY).version();
}

function realpath(name) {
  try {
    return fs.realpathSync(name);
  } catch {
    return null; // does not exist here; the caller tries the next folder
  }
}

// The import callback: reads from the base and include paths, and from nowhere outside the allowed folders.
function reader({ roots, allowed }) {
  const folders = [...roots, path.join(ROOT, 'node_modules'), ...allowed].map((folder) => path.resolve(folder));
  const inside = [process.cwd(), ROOT, ...folders].map(realpath).filter(Boolean);
  return (name) => {
    const candidates = path.isAbsolute(name) ? [name] : folders.map((folder) => path.join(folder, name));
    for (const candidate of candidates) {
      const file = realpath(candidate);
      if (file && inside.some((folder) => file.startsWith(folder + path.sep))) {
        return { contents: fs.readFileSync(file, 'utf8') };
      }
    }
    return { error: `not found, or outside the allowed folders: ${name}` };
  };
}

function writeAll(text) {
  const bytes = Buffer.from(text);
  for (let written = 0; written < bytes.length; ) {
    try {
      written += fs.writeSync(1, bytes, written); // a pipe may take it in pieces
    } catch (error) {
      if (error.code !== 'EAGAIN') throw error;
    }
  }
}

const options = parse(process.argv.slice(2));
if (options.version) {
  writeAll(`solc, the solidity compiler commandline interface\nVersion: ${version()}\n`);
} else if (options.standardJson) {
  writeAll(require(ENTRY).compile(fs.readFileSync(0, 'utf8'), { import: reader(options) }) + '\n');
} else {
  fail('nothing to do: give --version or --standard-json');
}
process.exit(0);
