#!/bin/sh
# Install the mail clients that the tests send with: swaks, with TLS, curl, Postfix with its smtp-source; HAProxy, which they
# send through; and strace, which they watch with.
# Or, given PROGRAM:PACKAGE…, those.
#
# Does nothing when all are there. Installs from Debian when run by root where apt-get is, and starts no daemon. Never
# fails: a test whose client is missing is skipped by name.
set -u

missing=
if [ $# -eq 0 ]; then
    set -- swaks:swaks curl:curl smtp-source:postfix haproxy:haproxy strace:strace
    # What swaks takes for TLS is no program.
    perl -MNet::SSLeay -e 1 2>/dev/null || missing=" libnet-ssleay-perl"
fi
for pair in "$@"; do
    PATH=$PATH:/usr/sbin command -v "${pair%%:*}" >/dev/null 2>&1 || missing="$missing ${pair##*:}"
done
[ -n "$missing" ] || exit 0

if [ "$(id -u)" -ne 0 ] || ! command -v apt-get >/dev/null 2>&1; then
    echo "Not here, and not to be installed by this user:$missing. What needs them is skipped." >&2
    exit 0
fi

# Debian asks this file before a package starts its daemon; 101 is "no". One that is there already comes back afterwards.
policy=/usr/sbin/policy-rc.d
kept=
if [ -e "$policy" ] || [ -L "$policy" ]; then
    kept=$policy.lonedot.$$
    mv "$policy" "$kept" || exit 0
fi
restore() {
    if [ -n "$kept" ]; then mv -f "$kept" "$policy"; else rm -f "$policy"; fi
}
trap restore EXIT
trap 'exit 130' INT
trap 'exit 143' TERM
printf '#!/bin/sh\nexit 101\n' >"$policy" && chmod 755 "$policy" || exit 0

export DEBIAN_FRONTEND=noninteractive
log=$(mktemp)
echo "Installing$missing from Debian, starting nothing ..." >&2
apt-get update >"$log" 2>&1
for package in $missing; do
    # One by one, so that one that cannot be had takes no other with it. --no-remove: this machine may have a mail server,
    # which Postfix would replace.
    apt-get install --yes --no-remove --no-install-recommends "$package" >>"$log" 2>&1 </dev/null ||
        echo "$package could not be installed ($(grep '^E:' "$log" | tail -n 1)); what needs it is skipped." >&2
done
rm -f "$log"
exit 0
