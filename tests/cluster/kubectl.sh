#!/bin/bash
# Prints the path of a kubectl of 1.24 or newer: the one in PATH, or else that of Debian 13, from
# the mirror that this machine's apt uses, unpacked into a cache folder. Nothing is installed.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
cache=${XDG_CACHE_HOME:-$HOME/.cache}/osmia-kubectl
say() { echo "kubectl: $*" >&2; }

if found=$(command -v kubectl) &&
  minor=$("$found" version --client -o json 2>/dev/null | sed -n 's/.*"minor": "\([0-9]*\).*/\1/p') &&
  [ "${minor:-0}" -ge 24 ]; then
  echo "$found"
  exit
fi
binary=$cache/usr/bin/kubectl
mkdir -p "$cache"
exec 9>"$cache/lock"
flock 9
if [ ! -x "$binary" ]; then
  # shellcheck source=tests/kubeapi/debian.sh
  . "$here/../kubeapi/debian.sh"
  set_up_apt trixie "$cache/apt"
  say "fetching Debian 13's kubectl"
  (cd "$cache" && rm -f ./*.deb && apt-get "${apt_options[@]}" download kubectl >&2)
  dpkg-deb -x "$cache"/kubectl_*.deb "$cache"
  rm -rf "$cache"/*.deb "$cache/apt"
fi
echo "$binary"
