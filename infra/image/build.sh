#!/bin/sh
# build.sh [NAME]: the image of the Dockerfile, made with buildah from scratch, out of this checkout and its Node. No base is pulled.
# It prints the name of the image. CONTAINERS_CONF and CONTAINERS_STORAGE_CONF say where it is kept.
set -eu
name=${1:-localhost/reel}
here=$(cd "$(dirname "$0")" && pwd)
cd "$here/../.."
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
trap 'exit 1' INT TERM

root=$work/root
mkdir -p "$root/reel" "$root/etc" "$root/tmp"
chmod 1777 "$root/tmp"
# As .dockerignore has it.
tar -cf - --exclude=node_modules --exclude='*.test.ts' --exclude=fixtures \
  package.json pnpm-lock.yaml pnpm-workspace.yaml .npmrc LICENSE contracts infra/bus infra/nats infra/image/assemble.sh infra/image/alive.ts \
  services scripts | tar -xf - -C "$root/reel"
(cd "$root/reel" && sh infra/image/assemble.sh) >"$work/log" 2>&1 || {
  cat "$work/log" >&2
  exit 1
}
sh "$here/with-libraries.sh" node_modules/.bin/node "$root"
echo 'reel:x:10001:10001::/tmp:/nowhere' >"$root/etc/passwd"
echo 'reel:x:10001:' >"$root/etc/group"
echo 'hosts: files dns' >"$root/etc/nsswitch.conf"

container=$(buildah from scratch)
buildah copy --quiet --chown 0:0 "$container" "$root" / >/dev/null
buildah config --workingdir /reel --user 10001:10001 --stop-signal SIGTERM --port 7070 --port 7071 \
  --env PATH=/usr/local/bin --env NODE_ENV=production --env NODE_OPTIONS=--max-old-space-size=256 \
  --env REEL_CREDENTIALS=/etc/reel/credentials --env REEL_HEALTH_PORT=7071 \
  --healthcheck 'CMD node infra/image/alive.ts' --healthcheck-interval 10s --healthcheck-timeout 3s --healthcheck-start-period 60s \
  --entrypoint '["node","services/main.ts"]' "$container"
# Docker's format: the other one, OCI's, has no place for a health check.
buildah commit --quiet --format docker "$container" "$name" >/dev/null
buildah rm "$container" >/dev/null
echo "$name"
