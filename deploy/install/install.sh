#!/bin/sh
# Installs the Spokegate satellite agent on this machine, from the files beside this script; needs no network but the way to
# the broker, asks nothing, and may be run again: then it brings a newer agent and keeps configuration, key and spool.
#
#   install.sh --token-file FILE [--broker HOST:PORT] [--proxy URL [--proxy-credentials-file FILE]]
#   install.sh --offline-request FILE       where no door can be reached: writes a request for the MSP
#   install.sh --bundle FILE --pin HEX      takes the bundle that the MSP made of it
#   install.sh                              an upgrade
#   install.sh uninstall [--purge]
#
#   --token-file FILE   the join token; "-" reads it from standard input. It is never an argument
#   --broker            where it is not the door's host with port 8883
#   release.keys beside this script is put to /etc/spokegate: the keys of the releases that the centre may update the agent to
#   --from DIR          where the agent is, when not beside this script: spokegate-agent-ARCH or spokegate-agent_*_ARCH.deb,
#                       and SHA256SUMS
set -eu
umask 022

USER_NAME=spokegate-agent
STATE=/var/lib/spokegate-agent
SETTINGS=/etc/spokegate
PROGRAM=/usr/bin/spokegate-agent
LIBRARY=/usr/lib/spokegate-agent

say() { echo "install: $*"; }
fail() {
  echo "install: $1" >&2
  [ $# -lt 2 ] || echo "  next: $2" >&2
  exit 1
}
usage() {
  echo "install: $1" >&2
  sed -n '2,/^set/p' "$0" | sed -n 's/^# \{0,1\}//p' >&2
  exit 64
}

token_file='' broker='' proxy='' proxy_credentials='' request='' bundle='' pin='' purge='' uninstall=''
from=$(cd "$(dirname "$0")" && pwd)
while [ $# -gt 0 ]; do
  case $1 in
    uninstall) uninstall=yes ;;
    --purge) purge=yes ;;
    --token-file | --broker | --proxy | --proxy-credentials-file | --offline-request | --bundle | --pin | --from)
      [ $# -ge 2 ] || usage "$1 needs a value"
      case $1 in
        --token-file) token_file=$2 ;;
        --broker) broker=$2 ;;
        --proxy) proxy=$2 ;;
        --proxy-credentials-file) proxy_credentials=$2 ;;
        --offline-request) request=$2 ;;
        --bundle) bundle=$2 ;;
        --pin) pin=$2 ;;
        --from) from=$2 ;;
      esac
      shift
      ;;
    -h | --help) usage "how it is used" ;;
    spokegate-join1.*) usage "a join token is no argument: every user of this machine could read it there" ;;
    *) usage "$1 is not understood" ;;
  esac
  shift
done
[ -z "$purge" ] || [ -n "$uninstall" ] || usage "--purge goes with uninstall"
[ -z "$bundle" ] || [ -n "$pin" ] || usage "--bundle needs --pin, the sha256 that \`spokegate ca show\` prints at the MSP"
[ -z "$proxy_credentials" ] || [ -n "$proxy" ] || usage "--proxy-credentials-file goes with --proxy"

[ "$(id -u)" = 0 ] || fail "this needs root" "sudo $0 …"
case $(uname -m) in
  x86_64) architecture=amd64 ;;
  aarch64 | arm64) architecture=arm64 ;;
  *) fail "there is no agent for this machine ($(uname -m)); there is one for x86_64 and aarch64" ;;
esac

as_agent() { runuser -u $USER_NAME -- "$@"; }
joined() { [ -e $STATE/identity/certificate.pem ]; }
package_is() { command -v dpkg-query >/dev/null && dpkg-query -W -f '${db:Status-Status}' spokegate-agent 2>/dev/null | grep -Eqx "$1"; }
by_package() { package_is installed; }
who() { sed -n 's/^# Joined as //p' $SETTINGS/agent.toml 2>/dev/null || true; }

remove() {
  who=$(who)
  # A package that was removed is still there to be purged.
  if package_is 'installed|config-files'; then
    if [ -n "$purge" ]; then dpkg --purge spokegate-agent; else dpkg --remove spokegate-agent; fi
  elif [ -e $LIBRARY/setup.sh ]; then
    $LIBRARY/setup.sh stop
    say "removing $PROGRAM, its unit and $LIBRARY"
    cp $LIBRARY/setup.sh /run/spokegate-agent-setup.sh
    rm -rf $LIBRARY
    rm -f $PROGRAM /usr/lib/systemd/system/spokegate-agent.service /usr/lib/sysusers.d/spokegate-agent.conf
    sh /run/spokegate-agent-setup.sh forget
    [ -z "$purge" ] || sh /run/spokegate-agent-setup.sh purge
    rm -f /run/spokegate-agent-setup.sh
  elif [ -n "$purge" ] && [ -e "$from/setup.sh" ]; then
    sh "$from/setup.sh" purge
  fi
  if [ -n "$purge" ]; then
    say "nothing of the satellite is left on this machine"
  else
    say "left, for a later install or --purge: $SETTINGS/agent.toml, $SETTINGS/agent (tokens), $STATE (key, certificate, spool), the user $USER_NAME"
  fi
  case $who in
    */*) say "its certificate is still good; at the centre: spokegate satellite revoke --tenant ${who%%/*} --satellite ${who#*/}" ;;
    *) say "if it had joined, its certificate is still good; at the centre: spokegate satellite revoke --tenant T --satellite S" ;;
  esac
}

# The file of this folder for this machine, after its checksum was found right.
verified() {
  [ -e "$from/SHA256SUMS" ] || fail "$from/SHA256SUMS is missing" "copy the whole folder that the MSP gave you"
  for file in "$from"/spokegate-agent_*_$architecture.deb "$from/spokegate-agent-$architecture"; do
    [ -e "$file" ] || continue
    case $file in *.deb) command -v dpkg >/dev/null || continue ;; esac
    name=${file##*/}
    sum=$(sed -n "s/^\([0-9a-f]\{64\}\) [ *]$name\$/\1/p" "$from/SHA256SUMS")
    [ -n "$sum" ] || fail "SHA256SUMS has no line for $name" "copy the whole folder again"
    [ "$(sha256sum < "$file")" = "$sum  -" ] || fail "the checksum of $file is wrong: it was damaged or changed on the way" "copy it again, and ask the MSP for the right sum"
    echo "$file"
    return
  done
  fail "$from has no agent for $architecture" "put spokegate-agent-$architecture or the .deb for $architecture beside SHA256SUMS"
}

put() { install -D -m "$1" "$2" "$3.new" && mv "$3.new" "$3"; }

place() {
  # Started from the package itself: it is there.
  [ "$from" != $LIBRARY ] || return 0
  file=$(verified)
  say "installing ${file##*/}"
  case $file in
    *.deb) dpkg --install "$file" ;;
    *)
      ! by_package || fail "a package has installed the agent here" "put the .deb of the new version beside this script"
      put 0755 "$file" $PROGRAM
      put 0755 "$from/setup.sh" $LIBRARY/setup.sh
      put 0644 "$from/agent.toml" $LIBRARY/agent.toml
      put 0644 "$from/spokegate-agent.service" /usr/lib/systemd/system/spokegate-agent.service
      put 0644 "$from/spokegate-agent.sysusers.conf" /usr/lib/sysusers.d/spokegate-agent.conf
      $LIBRARY/setup.sh prepare
      ;;
  esac
  $PROGRAM --version
}

# A file that root may read, where the agent may read it, too.
lend() {
  [ -r "$1" ] || fail "cannot read $1"
  install -m 0600 -o $USER_NAME -g $USER_NAME "$1" "$2"
}

join_with_token() {
  # Held in memory: the preview and the join read it from standard input.
  if [ "$token_file" = - ]; then token=$(cat); else
    [ -r "$token_file" ] || fail "cannot read $token_file"
    token=$(cat "$token_file")
  fi
  set --
  if [ -n "$proxy" ]; then
    set -- --proxy "$proxy"
    if [ -n "$proxy_credentials" ]; then
      lend "$proxy_credentials" $SETTINGS/agent/proxy.credentials
      set -- "$@" --proxy-credentials-file $SETTINGS/agent/proxy.credentials
    fi
  fi
  say "looking at the way to the door"
  if ! printf '%s\n' "$token" | as_agent $PROGRAM doctor --token-file - "$@"; then
    fail "the door cannot be used from here; the token is not spent" "mend what is marked FAULT, then run this again"
  fi
  say "joining"
  if ! words=$(printf '%s\n' "$token" | as_agent $PROGRAM join --token-file - --directory $STATE/identity "$@"); then
    fail "the agent has not joined, see above" "run this again with the same token while it holds, or with a new one"
  fi
}

import_bundle() {
  say "taking the bundle"
  lend "$bundle" $STATE/identity/bundle
  if ! words=$(as_agent $PROGRAM join --offline-import $STATE/identity/bundle --pin "$pin" --directory $STATE/identity); then
    rm -f $STATE/identity/bundle
    fail "the bundle was not taken, see above" "it is for the request of this very machine: install.sh --offline-request FILE writes that again"
  fi
  rm -f $STATE/identity/bundle
}

# Whose releases the centre may update the agent to: root's file, so that nobody who owns the agent's user can add a key.
trust_releases() {
  [ -e "$from/release.keys" ] || return 0
  sum=$(sed -n 's/^\([0-9a-f]\{64\}\) [ *]release\.keys$/\1/p' "$from/SHA256SUMS")
  [ "$(sha256sum < "$from/release.keys")" = "$sum  -" ] || fail "the checksum of $from/release.keys is wrong or missing" "copy the whole folder again"
  put 0644 "$from/release.keys" $SETTINGS/release.keys
}

# What join printed is kept until the configuration is written, should that be cut short.
remember() {
  if [ -n "$words" ]; then printf '%s\n' "$words" > $STATE/joined; elif [ -e $STATE/joined ]; then words=$(cat $STATE/joined); fi
}

# A value of what join printed.
printed() { echo "$words" | sed -n "s/^$1 = \"\([^\"]*\)\".*/\1/p" | head -1; }

configure() {
  if [ -e $SETTINGS/agent.toml ]; then
    say "keeping $SETTINGS/agent.toml"
    return
  fi
  door=$(printed door)
  [ -n "$broker" ] || broker=$([ -z "$door" ] || echo "${door%:*}:8883")
  [ -n "$broker" ] || broker=$(printed address | grep -v '^broker\.example\.net:' || true)
  [ -n "$broker" ] || fail "the bundle does not say where the broker is" "run this again with --broker HOST:PORT (the certificate is there already)"
  say "writing $SETTINGS/agent.toml for the broker $broker"
  line() { if [ -n "$2" ]; then echo "$1 = \"$2\""; else echo "# $1 = \"…\""; fi; }
  credentials=''
  [ -z "$proxy_credentials" ] || credentials=$SETTINGS/agent/proxy.credentials
  sed -e "s|@WHO@|$(echo "$words" | sed -n 's/^joined .* as \([^,]*\),.*/\1/p')|" \
    -e "s|@TRUST_DOMAIN@|$(printed trust_domain)|" \
    -e "s|@BROKER@|$broker|" \
    -e "s|@PROXY@|$(line proxy "$proxy")|" \
    -e "s|@PROXY_CREDENTIALS@|$(line proxy_credentials_file "$credentials")|" \
    -e "s|@DOOR@|$(line door "$door")|" \
    $LIBRARY/agent.toml > $SETTINGS/agent.toml.new
  mv $SETTINGS/agent.toml.new $SETTINGS/agent.toml
  rm -f $STATE/joined
}

# Waits until the agent says that it is connected.
connected() {
  [ -d /run/systemd/system ] || return 0
  say "waiting for the connection"
  for _ in $(seq 30); do
    if as_agent $PROGRAM status >/dev/null 2>&1; then
      as_agent $PROGRAM status
      return
    fi
    sleep 1
  done
  as_agent $PROGRAM doctor || true
  fail "the agent is installed and not connected" "mend what is marked FAULT; it dials again by itself, and sudo -u $USER_NAME spokegate-agent doctor looks again"
}

if [ -n "$uninstall" ]; then
  remove
  exit
fi
place
trust_releases
words=''
if [ -n "$request" ]; then
  as_agent $PROGRAM join --offline-request $STATE/identity/request.json --directory $STATE/identity
  install -m 0600 $STATE/identity/request.json "$request"
  rm -f $STATE/identity/request.json
  say "wrote $request: carry it to the MSP; then: install.sh --bundle FILE --pin HEX"
  exit
elif joined; then
  [ -z "$token_file$bundle" ] || say "this machine has joined already as $(who); the token or bundle is not used"
elif [ -n "$token_file" ]; then
  join_with_token
elif [ -n "$bundle" ]; then
  import_bundle
else
  fail "the agent is installed and has not joined" "get a token from the MSP, then: $0 --token-file FILE"
fi
remember
[ -n "$words" ] || [ -e $SETTINGS/agent.toml ] || fail "there is a certificate and no $SETTINGS/agent.toml" "spokegate-agent example-config shows what belongs into it"
configure
as_agent $PROGRAM check-config
$LIBRARY/setup.sh start
connected
say "done"
