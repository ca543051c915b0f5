#!/bin/sh
# with-libraries.sh PROGRAM ROOT [PATH]: copies a program of this machine, and the libraries that it loads, into an empty file system.
set -eu
program=$(readlink -f "$1")
root=$2
path=${3:-/usr/local/bin/$(basename "$1")}
mkdir -p "$root$(dirname "$path")"
cp "$program" "$root$path"
ldd "$program" | grep -o '/[^ ]*' | while read -r library; do
  mkdir -p "$root$(dirname "$library")"
  cp -L "$library" "$root$library"
done
