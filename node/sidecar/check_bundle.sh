#!/bin/sh
# Proves that the committed bundle is the build of the sources: run `npm ci --ignore-scripts` here first.
set -eu
cd "$(dirname "$0")"
fresh=$(mktemp -d)
trap 'rm -rf "$fresh"' EXIT
node build.mjs "$fresh"
for file in sidecar.mjs LICENSES.txt; do
    if ! cmp "dist/$file" "$fresh/$file"; then
        echo "dist/$file is not the build of the sources; run: npm run build" >&2
        exit 1
    fi
done
echo "dist/ is the build of the sources"
