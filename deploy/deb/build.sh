#!/usr/bin/env bash
# build.sh [ARCH...]
# Makes target/satellite-packages: what an engineer carries to a segment. For amd64 and arm64 a static agent and its package, beside
# install.sh, all with checksums, and with the release keys that RELEASE_KEYS names (`spokegate release keygen`). Needs root
# once, for Debian's packages; later runs as anybody.
set -euo pipefail
shopt -s inherit_errexit
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
architectures=("$@")
[ ${#architectures[@]} -gt 0 ] || architectures=(amd64 arm64)
out=target/satellite-packages
version=$(sed -n '/^\[workspace.package\]/,/^$/s/^version = "\(.*\)"/\1/p' Cargo.toml)
# The same commit gives the same bytes.
SOURCE_DATE_EPOCH=${SOURCE_DATE_EPOCH:-$(git log -1 --format=%ct)}
export SOURCE_DATE_EPOCH

missing=()
command -v musl-gcc >/dev/null || missing+=(musl-tools)
command -v aarch64-linux-gnu-gcc >/dev/null || missing+=(gcc-aarch64-linux-gnu)
if [ ${#missing[@]} -gt 0 ]; then
  if [ "$(id -u)" != 0 ]; then
    echo "missing: ${missing[*]}; hint: sudo apt-get install --no-install-recommends ${missing[*]}" >&2
    exit 1
  fi
  apt-get install -y -q --no-install-recommends "${missing[@]}"
fi

# musl's own headers for arm64: those of Debian's cross compiler are glibc's, and what they declare is not all in musl.
musl_headers() {
  local place=target/musl-arm64
  [ ! -e $place/usr/include/aarch64-linux-musl/stdio.h ] || return 0
  local lists
  lists=$(mktemp -d)
  mkdir -p "$lists/partial" $place
  local options=(-q -o APT::Architectures::=amd64 -o APT::Architectures::=arm64 -o "Dir::State::Lists=$lists")
  apt-get "${options[@]}" update >/dev/null
  (cd $place && apt-get "${options[@]}" download musl-dev:arm64 && dpkg-deb --extract musl-dev_*_arm64.deb . && rm musl-dev_*_arm64.deb)
  rm -rf "$lists"
}

# Prints the built agent's path.
compile() {
  local target flags="-C target-feature=+crt-static --remap-path-prefix=$PWD=. --remap-path-prefix=${CARGO_HOME:-$HOME/.cargo}=cargo"
  case $1 in
    amd64)
      target=x86_64-unknown-linux-musl
      export CC_x86_64_unknown_linux_musl=musl-gcc
      ;;
    arm64)
      target=aarch64-unknown-linux-musl
      musl_headers >&2
      export CC_aarch64_unknown_linux_musl=aarch64-linux-gnu-gcc AR_aarch64_unknown_linux_musl=aarch64-linux-gnu-ar
      local own
      own=$(aarch64-linux-gnu-gcc -print-file-name=include)
      export CFLAGS_aarch64_unknown_linux_musl="-nostdinc -isystem $PWD/target/musl-arm64/usr/include/aarch64-linux-musl -isystem $own -U_FORTIFY_SOURCE"
      flags+=" -C linker=rust-lld"
      ;;
    *)
      echo "allowed: amd64, arm64" >&2
      exit 64
      ;;
  esac
  rustup target add "$target" >&2
  RUSTFLAGS=$flags cargo build --locked --profile satellite --target "$target" -p spokegate-agent >&2
  echo "target/$target/satellite/spokegate-agent"
}

rm -rf "$out"
mkdir -p "$out"
for architecture in "${architectures[@]}"; do
  binary=$(compile "$architecture")
  install -m 0755 "$binary" "$out/spokegate-agent-$architecture"
  deploy/deb/package.sh "$binary" "$architecture" "$version" "$out"
done
install -m 0755 deploy/install/install.sh deploy/install/setup.sh "$out"
install -m 0644 deploy/install/agent.toml deploy/systemd/spokegate-agent.service deploy/systemd/spokegate-agent.sysusers.conf "$out"
[ -z "${RELEASE_KEYS:-}" ] || install -m 0644 "$RELEASE_KEYS" "$out/release.keys"
(cd "$out" && sha256sum -- * > SHA256SUMS.new && mv SHA256SUMS.new SHA256SUMS && ls -l)
