#!/bin/sh
# Installs what package.json asks for, when it is not there already; silent when it is.
# In sh, because it runs before the Node that the lockfile carries is there.
set -eu
cd "$(dirname "$0")/.."
stamp=node_modules/.reel-setup
pnpm='pnpm@12.21.0'

# Everything the installation follows from, and what pnpm says it installed: any change on either side is noticed.
# By content, because a checkout touches files that it does not change.
state() {
  {
    cat package.json pnpm-lock.yaml pnpm-workspace.yaml node_modules/.pnpm/lock.yaml
    find contracts infra services scripts test -name node_modules -prune -o -name package.json -exec cat {} +
  } 2>/dev/null | cksum
}

if [ -x node_modules/.bin/node ] && [ -f "$stamp" ] && [ "$(state)" = "$(cat "$stamp")" ]; then
  exit 0
fi

if ! command -v npm >/dev/null 2>&1 || ! command -v npx >/dev/null 2>&1; then
  echo 'reel: npm was not found. Install Node.js 20 or newer with its npm (nodejs.org), then run this again.' >&2
  exit 1
fi

# npm and pnpm keep their caches in the home folder; a user without one gets a place inside the checkout.
if [ ! -d "${HOME:-}" ] || [ ! -w "$HOME" ]; then
  HOME=$PWD/.reel/home
  npm_config_cache=$HOME/.npm # "npm run" hands down the one in the home that is not there
  export HOME npm_config_cache
  mkdir -p "$HOME"
fi

echo "reel: installing dependencies (npx $pnpm install --frozen-lockfile) ..." >&2
log=.reel/setup.log
mkdir -p .reel
# CI: pnpm then asks nothing, also where there is nobody to answer.
if ! CI=true npx -y "$pnpm" install --frozen-lockfile </dev/null >"$log" 2>&1; then
  cat "$log" >&2
  echo "reel: the installation failed. If a package.json was changed by hand, run: npx -y $pnpm install" >&2
  exit 1
fi
if [ ! -x node_modules/.bin/node ]; then
  echo "reel: no Node 24 is packaged for this machine ($(uname -sm)): Reel runs on Linux and macOS, x64 and arm64." >&2
  exit 1
fi
state >"$stamp"
