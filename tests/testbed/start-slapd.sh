#!/usr/bin/env bash
# start-slapd.sh [start|stop|status|reset|wipe|env]
# A throw-away OpenLDAP directory on loopback: no systemd, no root, any ports, StartTLS and LDAPS from a private
# CA, the overlays memberOf, refint and ppolicy, and the people of slapd-data.sh.
#
# Parameters (environment):
#   DIR              state directory                       (/tmp/spokegate-slapd)
#   HOST             address to listen on                  (127.0.0.1)
#   PORT             ldap:// with StartTLS                 (13389)
#   TLS_PORT         ldaps://                              (13636)
#   CA_DIR           private CA, may be shared             ($DIR/ca)
#   SUFFIX           base DN                               (dc=msp,dc=test)
#   BULK             members of cn=everyone                (1200)
#   CROWD            people c00001, c00002, … who may use the forms (0)
#   UNAUTH_BIND      1: a DN with an empty password binds anonymously with success, as Windows does (1)
#   REQUIRE_TLS      1: simple binds without TLS are refused (1)
#   NESTED_MEMBEROF  1: memberOf is transitive; 0: direct groups only, as at most sites (0)
# Prints one line when ready and writes $DIR/env (source it). `stop` ends only the process this script started.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
. "$here/lib.sh"
DIR=${DIR:-/tmp/spokegate-slapd} HOST=${HOST:-127.0.0.1} PORT=${PORT:-13389} TLS_PORT=${TLS_PORT:-13636}
CA_DIR=${CA_DIR:-$DIR/ca} SUFFIX=${SUFFIX:-dc=msp,dc=test} BULK=${BULK:-1200} CROWD=${CROWD:-0}
UNAUTH_BIND=${UNAUTH_BIND:-1} REQUIRE_TLS=${REQUIRE_TLS:-1} NESTED_MEMBEROF=${NESTED_MEMBEROF:-0}
USER_PW=${USER_PW:-'Passw0rd!user'} SVC_PW=${SVC_PW:-'Svc-Passw0rd!'} ADMIN_PW=${ADMIN_PW:-'Admin-Passw0rd!'}
SLAPD=${SLAPD:-$(command -v slapd || echo /usr/sbin/slapd)}
SBIN=$(dirname "$SLAPD")
pid_file=$DIR/slapd.pid
socket="ldapi://$(printf %s "$DIR/ldapi" | sed 's,/,%2F,g')"

first_directory() { for d in "$@"; do if [ -d "$d" ]; then echo "$d"; return; fi; done; }

write_env() {
  cat > "$DIR/env" <<V
LDAP_URL=ldap://localhost:$PORT
LDAPS_URL=ldaps://localhost:$TLS_PORT
LDAP_CA=$CA_DIR/ca.crt
LDAP_BASE='$SUFFIX'
LDAP_BIND_DN='uid=svc-spokegate,ou=Services,$SUFFIX'
LDAP_BIND_PW='$SVC_PW'
LDAP_USER_PW='$USER_PW'
LDAP_ADMIN_DN='cn=admin,$SUFFIX'
LDAP_ADMIN_PW='$ADMIN_PW'
LDAP_KIND=openldap
V
}

configure() {
  rm -rf "$DIR/slapd.d" "$DIR/db" "$DIR/loaded"
  mkdir -p "$DIR/slapd.d" "$DIR/db"
  SCHEMA_DIR=$(first_directory "${LDAP_SCHEMA_DIR:-/etc/ldap/schema}" /etc/openldap/schema)
  MODULE_DIR=${LDAP_MODULE_DIR:-$(first_directory /usr/lib/ldap /usr/lib/openldap /usr/lib64/openldap)}
  ADMIN_HASH=$("$SBIN/slappasswd" -h '{SSHA}' -s "$ADMIN_PW" 2>/dev/null)
  . "$here/slapd-config.sh" > "$DIR/config.ldif"
  "$SBIN/slapadd" -q -n 0 -F "$DIR/slapd.d" -l "$DIR/config.ldif" >"$DIR/slapadd.log" 2>&1 \
    || { cat "$DIR/slapadd.log" >&2; exit 1; }
  touch "$DIR/configured"
}

launch() {
  # `-d stats` keeps it in the foreground: our own child, its pid known, its log in a file.
  setsid nohup "$SLAPD" -d stats -F "$DIR/slapd.d" \
    -h "ldap://$HOST:$PORT/ ldaps://$HOST:$TLS_PORT/ $socket/" >>"$DIR/slapd.log" 2>&1 </dev/null &
  local child=$!
  remember_pid "$pid_file" "$child"
  for _ in $(seq 200); do
    alive "$pid_file" || { echo "slapd did not start:" >&2; tail -20 "$DIR/slapd.log" >&2; exit 1; }
    ldapwhoami -Q -Y EXTERNAL -H "$socket" >/dev/null 2>&1 && return
    sleep 0.05
  done
  echo "slapd was not ready within 10 s; see $DIR/slapd.log" >&2
  exit 1
}

load() {
  . "$here/slapd-data.sh"
  # Over the socket, not with slapadd: the memberOf overlay only sees writes that pass through the server.
  people_and_groups > "$DIR/data.ldif"
  ldapadd -M -Q -Y EXTERNAL -H "$socket" -f "$DIR/data.ldif" >"$DIR/ldapadd.log" 2>&1 \
    || { tail -5 "$DIR/ldapadd.log" >&2; exit 1; }
  account_states | ldapmodify -Q -Y EXTERNAL -H "$socket" -e relax >>"$DIR/ldapadd.log" 2>&1 \
    || { tail -5 "$DIR/ldapadd.log" >&2; exit 1; }
  touch "$DIR/loaded"
}

case ${1:-start} in
  start) ;;
  stop) end_process "$pid_file"; exit 0 ;;
  status) report_status "$pid_file" ;;
  env) cat "$DIR/env"; exit 0 ;;
  wipe) end_process "$pid_file"; rm -rf "$DIR"; exit 0 ;;
  reset) end_process "$pid_file"; rm -rf "$DIR/slapd.d" "$DIR/db" "$DIR/loaded" "$DIR/configured" ;;
  *) usage ;;
esac
if alive "$pid_file" && [ -e "$DIR/loaded" ]; then
  echo "slapd already running, pid $(pid_of "$pid_file")"
  exit 0
fi
mkdir -p "$DIR"
chmod 700 "$DIR"
# libldap puts the host's own name in place of "localhost" when it checks a certificate, so both are in it.
"$here/mk-test-ca.sh" "$CA_DIR" slapd "DNS:localhost,DNS:$(hostname),DNS:ldap.msp.test,IP:127.0.0.1,IP:$HOST"
[ -e "$DIR/configured" ] || configure
end_process "$pid_file"   # one that was cut off while it loaded
launch
if [ ! -e "$DIR/loaded" ]; then load; fi
write_env
echo "slapd ready: ldap://localhost:$PORT (StartTLS)  ldaps://localhost:$TLS_PORT  pid $(pid_of "$pid_file")  env $DIR/env"
