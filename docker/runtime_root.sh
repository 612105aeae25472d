#!/usr/bin/env bash
# Makes the root of an image that holds siding and nothing else: no shell, no package manager.
#   docker/runtime_root.sh BINARY DIRECTORY
# What stands there: the stripped binary, the libraries that it is linked with, the authorities of TLS, a
# user, an empty /tmp, and for scanners the Debian packages that the files come from, with their licences.
set -euo pipefail

binary=${1:?the path of the siding binary is missing}
root=${2:?the directory is missing}

packages=()
# came_from FILE: notes the package of a file. Debian's /lib is /usr/lib, but dpkg knows a file by one name.
came_from() {
  local file package=
  for file in "$1" "${1#/usr}" "/usr$1"; do
    package=$(dpkg-query -S "$file" 2>/dev/null | sed 's/:.*//;q') || true
    [[ -z $package ]] || break
  done
  [[ -n $package ]] || { echo "runtime_root: no package has $1" >&2; exit 1; }
  packages+=("$package")
}

install -d -m 755 "$root"/{etc/siding,etc/ssl/certs,usr/bin,usr/lib/ssl,usr/lib64,var/lib/dpkg/status.d}
install -d -m 1777 "$root/tmp"
ln -s usr/lib "$root/lib"
ln -s usr/lib64 "$root/lib64"

install -m 755 "$binary" "$root/usr/bin/siding"
strip "$root/usr/bin/siding"

# "libssl.so.3 => /lib/... (0x...)", and the loader, which has no arrow.
while read -r library; do
  real=$(readlink -f "$library")
  came_from "$real"
  install -D -m 755 "$real" "$root/usr/${library#/}"
done < <(ldd "$binary" | sed -nE 's/^[^/]*(\/[^ ]*) \(0x.*/\1/p' | sed 's|^/usr/|/|')

# OpenSSL looks for the file here, before the directory of hashes.
install -m 644 /etc/ssl/certs/ca-certificates.crt "$root/etc/ssl/certs/"
ln -s /etc/ssl/certs/ca-certificates.crt "$root/usr/lib/ssl/cert.pem"
install -m 644 /etc/ssl/openssl.cnf "$root/etc/ssl/"
ln -s /etc/ssl/openssl.cnf "$root/usr/lib/ssl/openssl.cnf"
packages+=(ca-certificates openssl)

echo 'siding:x:10001:10001:siding:/tmp:/usr/sbin/nologin' >"$root/etc/passwd"
echo 'siding:x:10001:' >"$root/etc/group"
echo 'hosts: files dns' >"$root/etc/nsswitch.conf"

while read -r package; do
  dpkg-query -s "$package" >"$root/var/lib/dpkg/status.d/$package"
  if [[ -e /usr/share/doc/$package/copyright ]]; then
    install -D -m 644 "/usr/share/doc/$package/copyright" "$root/usr/share/doc/$package/copyright"
  fi
done < <(printf '%s\n' "${packages[@]}" | sort -u)

du -sh "$root" | sed 's/\t.*/ in the image/'
