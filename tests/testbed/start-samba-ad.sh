#!/usr/bin/env bash
# start-samba-ad.sh [start|stop|status|reset|wipe|env]
# A throw-away Active Directory domain controller (Samba AD DC) on loopback: no systemd, no DNS, no smbd or winbindd,
# only Samba's LDAP server (LDAP with StartTLS, LDAPS, global catalogue) and the people of samba_data.py.
#
# Samba's LDAP ports (389, 636, 3268, 3269) are compiled in. So the server binds them on a loopback address of its
# own, AD_IP, and relay.py gives them free ports on HOST.
#
# Parameters (environment):
#   DIR       state directory                              (/tmp/spokegate-samba-ad)
#   HOST      address of the relayed ports                 (127.0.0.1)
#   PORT      -> AD_IP:389   ldap:// with StartTLS         (23389)
#   TLS_PORT  -> AD_IP:636   ldaps://                      (23636)
#   GC_PORT   -> AD_IP:3269  global catalogue over TLS     (23269)
#   AD_IP     the controller's own loopback address        (made from PORT, so that two never meet)
#   CA_DIR    private CA, may be shared                    ($DIR/ca)
#   REALM     Kerberos realm and DNS domain, upper case    (CORP.TEST)
#   DOMAIN    NetBIOS name                                 (CORP)
#   BULK      members of CN=everyone                       (1600)
#   CROWD     people c00001, c00002, … who may use the forms (0)
#   SERVICES  Samba services, e.g. "ldap kdc cldap"        (ldap)
# Needs root and the packages samba, samba-ad-provision, python3-samba, ldap-utils, openssl (install.sh brings them).
# start: provisions and loads once (about 8 s), keeps a snapshot, starts. reset: back to the snapshot. wipe: removes
# all of it. `stop` ends only the processes this script started.
# Accounts (password in $DIR/env): alice bob carol dave erin frank zoe mallory prim; svc-spokegate binds and reads;
#   disabled1 (533) expired1 (701) pwexpired1 (532) mustchange1 (773) locked1 (775) nohours1 (530)
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
. "$here/lib.sh"
DIR=${DIR:-/tmp/spokegate-samba-ad} HOST=${HOST:-127.0.0.1} PORT=${PORT:-23389} TLS_PORT=${TLS_PORT:-23636}
GC_PORT=${GC_PORT:-23269} AD_IP=${AD_IP:-127.1.$((PORT / 256)).$((PORT % 256))} CA_DIR=${CA_DIR:-$DIR/ca}
REALM=${REALM:-CORP.TEST} DOMAIN=${DOMAIN:-CORP} BULK=${BULK:-1600} CROWD=${CROWD:-0} SERVICES=${SERVICES:-ldap}
USER_PW=${USER_PW:-'Passw0rd!user'} SVC_PW=${SVC_PW:-'Svc-Passw0rd!'} ADMIN_PW=${ADMIN_PW:-'Admin-Passw0rd!'}
PY=${PY:-/usr/bin/python3}      # the interpreter that python3-samba belongs to
dns=$(printf %s "$REALM" | tr '[:upper:]' '[:lower:]')
base="DC=$(printf %s "$dns" | sed 's/\./,DC=/g')"
conf=$DIR/smb.conf
server_pid=$DIR/dc.pid relay_pid=$DIR/relay.pid

stop() { end_process "$relay_pid"; end_process "$server_pid"; }

write_env() {
  cat > "$DIR/env" <<V
LDAP_URL=ldap://localhost:$PORT
LDAPS_URL=ldaps://localhost:$TLS_PORT
LDAP_GC_URL=ldaps://localhost:$GC_PORT
LDAP_CA=$CA_DIR/ca.crt
LDAP_BASE='$base'
LDAP_BIND_DN='CN=svc-spokegate,OU=Services,$base'
LDAP_BIND_PW='$SVC_PW'
LDAP_USER_PW='$USER_PW'
LDAP_ADMIN_DN='CN=Administrator,CN=Users,$base'
LDAP_ADMIN_PW='$ADMIN_PW'
LDAP_DOMAIN='$DOMAIN'
LDAP_UPN_SUFFIX='$dns'
LDAP_KIND=ad
V
}

write_conf() {
  mkdir -p "$DIR/lock" "$DIR/bind-dns"
  cat > "$conf" <<C
[global]
  netbios name = DC1
  realm = $REALM
  workgroup = $DOMAIN
  server role = active directory domain controller
  server services = $SERVICES
  interfaces = $AD_IP/8
  bind interfaces only = yes
  private dir = $DIR/private
  state directory = $DIR/state
  cache directory = $DIR/cache
  lock directory = $DIR/lock
  pid directory = $DIR/lock
  ncalrpc dir = $DIR/lock/ncalrpc
  binddns dir = $DIR/bind-dns
  ntp signd socket directory = $DIR/lock/ntp
  winbindd socket directory = $DIR/lock/winbindd
  log file = $DIR/log.%m
  log level = 1 auth_audit:3
  tls enabled = yes
  tls cafile = $CA_DIR/ca.crt
  tls certfile = $CA_DIR/dc1.crt
  tls keyfile = $CA_DIR/dc1.key
C
}

provision() {
  rm -rf "$DIR"/{private,state,lock,cache,bind-dns,new}
  mkdir -p "$DIR/new"
  # A configuration file of its own, if empty: else /etc/samba/smb.conf is read, and refused if its role differs.
  : > "$DIR/empty.conf"
  samba-tool domain provision --configfile="$DIR/empty.conf" --targetdir="$DIR/new" --realm="$REALM" \
    --domain="$DOMAIN" --server-role=dc --dns-backend=NONE --host-name=DC1 --host-ip="$AD_IP" \
    --adminpass="$ADMIN_PW" --option="interfaces=$AD_IP/8" --option="bind interfaces only=yes" \
    >"$DIR/provision.log" 2>&1 || { tail -15 "$DIR/provision.log" >&2; exit 1; }
  mkdir -p "$DIR"/new/{private,state,cache}
  mv "$DIR"/new/{private,state,cache} "$DIR/"
  rm -rf "$DIR/new"
  write_conf
  USER_PW=$USER_PW SVC_PW=$SVC_PW BASE=$base DNS_DOMAIN=$dns BULK=$BULK CROWD=$CROWD CONF=$conf DIR=$DIR \
    "$PY" "$here/samba_data.py" >"$DIR/load.log" 2>&1 || { tail -15 "$DIR/load.log" >&2; exit 1; }
  (cd "$DIR" && tar cpf golden.tar.new private state lock cache && mv golden.tar.new golden.tar)
}

restore_snapshot() {
  if [ -s "$DIR/golden.tar" ]; then
    (cd "$DIR" && rm -rf private state lock cache && tar xpf golden.tar)
  fi
}

launch() {
  # -i: in the foreground, log to standard output; -M single: one process, so its pid is the only one to end.
  setsid nohup samba -i -M single -s "$conf" >>"$DIR/samba.log" 2>&1 </dev/null &
  remember_pid "$server_pid" $!
  setsid nohup "$PY" "$here/relay.py" "$HOST" "$AD_IP" "$PORT:389" "$TLS_PORT:636" "$GC_PORT:3269" \
    >>"$DIR/relay.log" 2>&1 </dev/null &
  remember_pid "$relay_pid" $!
}

answers() {
  LDAPTLS_CACERT=$CA_DIR/ca.crt ldapsearch -o nettimeout=2 -LLL -x -H "ldaps://$HOST:$TLS_PORT" \
    -D "CN=svc-spokegate,OU=Services,$base" -w "$SVC_PW" -b "$base" -s base dn >/dev/null 2>&1
}

await_ready() {
  for _ in $(seq 300); do
    alive "$server_pid" || { echo "samba did not start:" >&2; tail -20 "$DIR/samba.log" >&2; stop; exit 1; }
    alive "$relay_pid" || { echo "the relay did not start (port taken?):" >&2; tail -3 "$DIR/relay.log" >&2; stop; exit 1; }
    answers && return
    sleep 0.1
  done
  echo "samba was not ready within 30 s; see $DIR/samba.log" >&2
  stop
  exit 1
}

case ${1:-start} in
  start) ;;
  stop) stop; exit 0 ;;
  status) report_status "$server_pid" ;;
  env) cat "$DIR/env"; exit 0 ;;
  wipe) stop; rm -rf "$DIR"; exit 0 ;;
  reset) stop; restore_snapshot ;;
  *) usage ;;
esac
if alive "$server_pid" && alive "$relay_pid"; then
  echo "already running, pid $(pid_of "$server_pid")"
  exit 0
fi
stop
[ "$(id -u)" = 0 ] || { echo "must be root: Samba insists on it, and binds ports 389 and 636 on $AD_IP" >&2; exit 1; }
mkdir -p "$DIR"
chmod 700 "$DIR"
"$here/mk-test-ca.sh" "$CA_DIR" dc1 "DNS:dc1.$dns,DNS:localhost,DNS:$(hostname),IP:127.0.0.1,IP:$AD_IP"
[ -s "$DIR/golden.tar" ] || provision
write_conf
write_env
launch
await_ready
echo "Samba AD ready: ldap://localhost:$PORT (StartTLS)  ldaps://localhost:$TLS_PORT  GC ldaps://localhost:$GC_PORT  pid $(pid_of "$server_pid")  env $DIR/env"
