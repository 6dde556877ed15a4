# Sourced: packages of another Debian release than this machine's, from the mirror that its apt uses.
# Nothing is installed. `set_up_apt RELEASE FOLDER` keeps apt's lists in FOLDER, and leaves the
# options for apt-get in the array apt_options.
set_up_apt() {
  local release=$1 apt=$2 mirror='' keyring=/usr/share/keyrings/debian-archive-keyring.gpg file
  mkdir -p "$apt/lists/partial" "$apt/archives/partial" "$apt/none"
  for file in /etc/apt/sources.list.d/*.sources; do
    [ -f "$file" ] || continue
    # The URI of the stanza that has the distribution itself, not its security updates.
    mirror=$(awk 'BEGIN {RS = ""; FS = "\n"} {uri = ""; suites = ""; types = ""
      for (i = 1; i <= NF; i++) {
        if ($i ~ /^URIs:/) {split($i, w, " "); uri = w[2]}
        if ($i ~ /^Suites:/) suites = $i
        if ($i ~ /^Types:/) types = $i " "}
      if (uri ~ /debian\/?$/ && types ~ / deb / && suites !~ /-security/) {print uri; exit}}' "$file")
    [ -z "$mirror" ] || break
  done
  if [ -z "$mirror" ] && ls /etc/apt/sources.list /etc/apt/sources.list.d/*.list >/dev/null 2>&1; then
    mirror=$(cat /etc/apt/sources.list /etc/apt/sources.list.d/*.list 2>/dev/null | sed 's/\[[^]]*\]//' |
      awk '$1 == "deb" && $2 ~ /debian\/?$/ && $3 !~ /-security/ {print $2; exit}')
  fi
  if [ -z "$mirror" ]; then
    say "no Debian mirror found in this machine's apt configuration"
    exit 1
  fi
  echo "deb [signed-by=$keyring] $mirror $release main" >"$apt/sources.list"
  : >"$apt/status"
  apt_options=(-q -oDir::Etc::SourceList="$apt/sources.list" -oDir::Etc::SourceParts="$apt/none" -oDir::Etc::Preferences=/dev/null
    -oDir::Etc::PreferencesParts="$apt/none" -oDir::State::Lists="$apt/lists" -oDir::State::status="$apt/status"
    -oDir::Cache="$apt" -oDir::Cache::pkgcache= -oDir::Cache::srcpkgcache= -oAcquire::Languages=none -oAcquire::Retries=3
    -oAPT::Sandbox::User=root -oAPT::Default-Release= -oAPT::Install-Recommends=false)
  if ! apt-get "${apt_options[@]}" update >"$apt/update.log" 2>&1; then
    cat "$apt/update.log" >&2
    exit 1
  fi
}
