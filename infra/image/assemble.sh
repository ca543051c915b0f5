#!/bin/sh
# Makes a copy of the sources ready to run where nothing is installed: what services need at run time, and nothing else.
# It works in the current folder, which has to be such a copy: what it deletes is gone.
set -eu
if [ -e .git ] || [ -e .reel ]; then
  echo 'assemble.sh: this is a checkout, not a copy of its sources: see Dockerfile and build.sh' >&2
  exit 1
fi
# Without the Node that the lockfile carries: the image has one.
CI=true npx -y pnpm@12.21.0 install --prod --frozen-lockfile --no-optional
# Types, source maps and TypeScript sources of packages are read by people and compilers.
find node_modules -type f \( -name '*.map' -o -name '*.ts' -o -name '*.mts' -o -name '*.cts' -o -name '*.md' \) -delete
find . -name .bin -prune -exec rm -rf {} +
mkdir node_modules/.bin
ln -s /usr/local/bin/node node_modules/.bin/node
