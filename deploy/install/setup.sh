#!/bin/sh
# setup.sh prepare|start|stop|forget|purge
# What install.sh and the package's scripts have in common: the user, the folders, the unit. Each may be run again. It is the
# package's postrm as well, which dpkg calls with words of its own.
set -eu
USER_NAME=spokegate-agent
STATE=/var/lib/spokegate-agent
SETTINGS=/etc/spokegate
UNIT=spokegate-agent.service

say() { echo "spokegate-agent: $*"; }
systemd_runs() { [ -d /run/systemd/system ] && command -v systemctl >/dev/null; }

make_user() {
  getent passwd $USER_NAME >/dev/null && return
  say "making the user $USER_NAME"
  if command -v systemd-sysusers >/dev/null; then
    systemd-sysusers /usr/lib/sysusers.d/spokegate-agent.conf
  else
    getent group $USER_NAME >/dev/null || groupadd --system $USER_NAME
    useradd --system --gid $USER_NAME --home-dir $STATE --no-create-home --shell /usr/sbin/nologin $USER_NAME
  fi
}

# A folder that its owner alone may enter.
make_folder() { install -d -m 0700 -o $USER_NAME -g $USER_NAME "$1"; }

make_token() {
  [ -e "$1" ] && return
  say "making $1"
  new=$(mktemp -p "${1%/*}")
  head -c 32 /dev/urandom | od -An -tx1 | tr -d ' \n' > "$new"
  chown $USER_NAME:$USER_NAME "$new"
  mv "$new" "$1"
}

prepare() {
  make_user
  install -d -m 0755 $SETTINGS
  make_folder $SETTINGS/agent
  make_folder $STATE
  make_folder $STATE/identity
  make_token $SETTINGS/agent/push.token
  make_token $SETTINGS/agent/node-red.token
}

start() {
  if [ ! -e $SETTINGS/agent.toml ] || [ ! -e $STATE/identity/certificate.pem ]; then
    say "it is not started: it has not joined yet"
    return
  fi
  if command -v systemctl >/dev/null; then systemctl --quiet enable $UNIT; fi
  if systemd_runs; then
    systemctl daemon-reload
    systemctl restart $UNIT
    say "started (systemctl status spokegate-agent)"
  else
    say "systemd does not run here; start it by hand: runuser -u $USER_NAME -- /usr/bin/spokegate-agent run"
  fi
}

stop() {
  if command -v systemctl >/dev/null; then
    if systemd_runs; then systemctl --quiet stop $UNIT 2>/dev/null || true; fi
    systemctl --quiet disable $UNIT 2>/dev/null || true
  fi
}

# After the unit's file is gone.
forget() { if systemd_runs; then systemctl daemon-reload; fi; }

purge() {
  rm -rf $STATE $SETTINGS/agent $SETTINGS/agent.toml $SETTINGS/release.keys
  rmdir $SETTINGS 2>/dev/null || true
  if getent passwd $USER_NAME >/dev/null; then userdel $USER_NAME; fi
  if getent group $USER_NAME >/dev/null; then groupdel $USER_NAME; fi
}

case ${1:-} in
  prepare | start | stop | forget | purge) "$1" ;;
  remove) forget ;;
  upgrade | failed-upgrade | abort-install | abort-upgrade | disappear) ;;
  *)
    echo "usage: setup.sh prepare|start|stop|forget|purge" >&2
    exit 64
    ;;
esac
