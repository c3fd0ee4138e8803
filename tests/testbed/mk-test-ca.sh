#!/usr/bin/env bash
# mk-test-ca.sh CA_DIR [NAME SAN]...
# A private CA for tests (ECDSA P-256) and server certificates signed by it. Safe to call again and at once.
#   CA_DIR/ca.crt ca.key, and for each NAME CA_DIR/NAME.crt NAME.key (PEM; keys are mode 0600)
#   SAN is an openssl subjectAltName list, for example "DNS:dc1.corp.test,IP:127.0.0.1"
set -euo pipefail
ca=${1:?CA_DIR}
shift
mkdir -p "$ca"
umask 077

make_ca() {
  openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 3650 \
    -keyout "$ca/ca.key" -out "$ca/ca.crt.new" -subj "/O=Loopback test/CN=Loopback test CA" \
    -addext "basicConstraints=critical,CA:TRUE" -addext "keyUsage=critical,keyCertSign,cRLSign" 2>/dev/null
  chmod 0644 "$ca/ca.crt.new"
  mv "$ca/ca.crt.new" "$ca/ca.crt"
}

is_current() { # NAME SAN
  [ -s "$ca/$1.crt" ] && [ "$(cat "$ca/$1.san" 2>/dev/null)" = "$2" ] \
    && openssl verify -CAfile "$ca/ca.crt" "$ca/$1.crt" >/dev/null 2>&1
}

make_server() { # NAME SAN
  openssl req -new -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes \
    -keyout "$ca/$1.key" -out "$ca/$1.csr" -subj "/O=Loopback test/CN=$1" 2>/dev/null
  printf '%s\n' "basicConstraints=CA:FALSE" "keyUsage=digitalSignature" \
    "extendedKeyUsage=serverAuth" "subjectAltName=$2" > "$ca/$1.ext"
  openssl x509 -req -in "$ca/$1.csr" -CA "$ca/ca.crt" -CAkey "$ca/ca.key" -CAcreateserial \
    -days 825 -extfile "$ca/$1.ext" -out "$ca/$1.crt" 2>/dev/null
  printf '%s' "$2" > "$ca/$1.san"
  rm -f "$ca/$1.csr" "$ca/$1.ext"
  chmod 0644 "$ca/$1.crt"
}

exec 9>"$ca/.lock"
flock 9
[ -s "$ca/ca.crt" ] || make_ca
while [ $# -ge 2 ]; do
  is_current "$1" "$2" || make_server "$1" "$2"
  shift 2
done
