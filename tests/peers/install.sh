#!/bin/sh
# Put Exim and OpenSMTPD where the tests find them: .venv/peers/PACKAGE, as Debian's packages have them.
#
# The two and Postfix exclude each other as packages, so these are only unpacked; the libraries they take are installed,
# which no package minds, and so is the user without whom Exim does not run. Does nothing when all is there; starts
# nothing. Never fails: a test whose peer is missing is skipped by name.
set -u

cache=$(cd "$(dirname "$0")/../.." && pwd)/.venv/peers

# PROGRAM:PACKAGE. One that the machine has is used as it is.
missing=
for pair in exim4:exim4-daemon-light smtpd:opensmtpd; do
    [ -x "/usr/sbin/${pair%%:*}" ] || [ -x "$cache/${pair##*:}/usr/sbin/${pair%%:*}" ] || missing="$missing ${pair##*:}"
done
id -u Debian-exim >/dev/null 2>&1 && user= || user=Debian-exim
[ -n "$missing$user" ] || exit 0

if [ "$(id -u)" -ne 0 ] || ! command -v apt-get >/dev/null 2>&1; then
    echo "Not here, and not to be installed by this user:$missing${user:+ the user $user}. What needs them is skipped." >&2
    exit 0
fi

export DEBIAN_FRONTEND=noninteractive
work=$(mktemp -d) || exit 0
trap 'rm -rf "$work"' EXIT
trap 'exit 130' INT
trap 'exit 143' TERM
log=$work/log
updated=

# The first alternative of each library it depends on.
libraries_of() {
    dpkg-deb --field "$1" Depends | tr ',' '\n' | sed -n 's/^ *\(lib[^ :]*\).*/\1/p'
}

download() {
    (cd "$work" && apt-get -o Acquire::Retries=1 download "$1") >>"$log" 2>&1
}

# The lists of packages may be old, or not there at all; they are fetched only then.
unpack() {
    if ! download "$1"; then
        [ -n "$updated" ] || apt-get -o Acquire::Retries=1 update >>"$log" 2>&1
        updated=yes
        download "$1" || return 1
    fi
    set -- "$1" "$work/$1"_*.deb
    # shellcheck disable=SC2046  # a list of names
    apt-get -o DPkg::Lock::Timeout=60 install --yes --no-remove --no-install-recommends $(libraries_of "$2") >>"$log" 2>&1 </dev/null || return 1
    dpkg-deb --extract "$2" "$work/$1" >>"$log" 2>&1 || return 1
    # What may run as another user whoever starts it has no place in a checkout.
    chmod -R u-s,g-s "$work/$1" || return 1
    mkdir -p "$cache" && rm -rf "${cache:?}/$1" && mv "$work/$1" "$cache/$1"
}

for package in $missing; do
    echo "Unpacking $package into $cache ..." >&2
    unpack "$package" ||
        echo "$package could not be had ($(grep '^E:' "$log" | tail -n 1)); what needs it is skipped." >&2
done
if [ -n "$user" ]; then
    useradd --system --user-group --no-create-home --home-dir /nonexistent --shell /usr/sbin/nologin "$user" >>"$log" 2>&1 ||
        echo "The user $user could not be made ($(tail -n 1 "$log")); what needs it is skipped." >&2
fi
exit 0
