#!/usr/bin/env bash
# package.sh BINARY ARCH VERSION FOLDER
# Makes FOLDER/spokegate-agent_VERSION_ARCH.deb of a built agent. With SOURCE_DATE_EPOCH set, the same input gives the same
# bytes. Needs dpkg-deb and nothing else.
set -euo pipefail
binary=$1 architecture=$2 version=$3 folder=$4
deploy=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
export SOURCE_DATE_EPOCH=${SOURCE_DATE_EPOCH:-$(date +%s)}
root=$(mktemp -d)
trap 'rm -rf "$root"' EXIT
chmod 0755 "$root"

install -D -m 0755 "$binary" "$root/usr/bin/spokegate-agent"
install -D -m 0755 "$deploy/install/setup.sh" "$root/usr/lib/spokegate-agent/setup.sh"
install -D -m 0644 "$deploy/install/agent.toml" "$root/usr/lib/spokegate-agent/agent.toml"
install -D -m 0755 "$deploy/install/install.sh" "$root/usr/lib/spokegate-agent/install.sh"
install -D -m 0644 "$deploy/systemd/spokegate-agent.service" "$root/usr/lib/systemd/system/spokegate-agent.service"
install -D -m 0644 "$deploy/systemd/spokegate-agent.sysusers.conf" "$root/usr/lib/sysusers.d/spokegate-agent.conf"

mkdir -m 0755 "$root/DEBIAN"
for script in postinst prerm; do install -m 0755 "$deploy/deb/$script" "$root/DEBIAN/$script"; done
install -m 0755 "$deploy/install/setup.sh" "$root/DEBIAN/postrm"
# Its size on disk in KiB, counted in whole KiB of each file, so that no file system has a say.
size=$(find "$root/usr" -type f -printf '%s\n' | awk '{ kib += int(($1 + 1023) / 1024) } END { print kib }')
cat > "$root/DEBIAN/control" <<CONTROL
Package: spokegate-agent
Version: $version
Architecture: $architecture
Maintainer: Spokegate
Installed-Size: $size
Depends: passwd, util-linux
Section: net
Priority: optional
Description: satellite agent of Spokegate
 Supplies the centre with data of this network segment, through the local
 Node-RED. It only ever dials out. After the installation:
 /usr/lib/spokegate-agent/install.sh explains how it joins.
CONTROL
find "$root" -exec touch --no-dereference --date="@$SOURCE_DATE_EPOCH" {} +
mkdir -p "$folder"
dpkg-deb --root-owner-group -Zgzip --build "$root" "$folder/spokegate-agent_${version}_$architecture.deb" >/dev/null
