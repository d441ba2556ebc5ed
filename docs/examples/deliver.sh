#!/bin/sh
# Calls the receiver of a host and waits for the result: curl and openssl are all it needs.
#
#   DELIVER_URL=https://deploy.example.com/deliver/shop/generic DELIVER_SECRET=… \
#   sh deliver.sh acme/shop refs/tags/v1.4.3 COMMIT '{"api": "@sha256:…"}'
#
# Ends with 0 once the version runs, with 1 when it was refused or taken back, with 2 when nobody knows in time.
set -eu
repository=$1 ref=$2 commit=$3 images=${4:-"{}"} seconds=${DELIVER_TIMEOUT:-1800}

body=$(printf '{"repository": "%s", "ref": "%s", "commit": "%s", "images": %s, "who": "%s"}' \
    "$repository" "$ref" "$commit" "$images" "${DELIVER_WHO:-pipeline}")
now=$(date +%s)
# The secret goes to openssl in a file that only this process can read: lists of processes show arguments.
key=$(mktemp) && trap 'rm -f "$key"' EXIT
secret() { if [ "${#DELIVER_SECRET}" -gt 64 ]; then printf %s "$DELIVER_SECRET" | openssl dgst -sha256 -binary; else printf %s "$DELIVER_SECRET"; fi; }
pad() { # the key of RFC 2104, each byte of it combined with $1
    secret | od -An -v -tu1 | tr -s ' ' '\n' | {
        count=0
        while read -r byte; do
            [ -n "$byte" ] && printf %b "\\0$(printf %o $((byte ^ $1)))" && count=$((count + 1))
        done
        while [ "$count" -lt 64 ]; do printf %b "\\0$(printf %o "$1")" && count=$((count + 1)); done
    }
}
{ pad 54 && printf '%s.%s' "$now" "$body"; } | openssl dgst -sha256 -binary > "$key"
signature=$({ pad 92 && cat "$key"; } | openssl dgst -sha256 -r | cut -d' ' -f1)

field() { printf %s "$answer" | sed -n "s/.*\"$1\": \"\([^\"]*\)\".*/\1/p"; }
say() { printf '%s\n' "$*" >&2; }

answer=$(curl --silent --show-error --max-time 30 --retry 5 --write-out '\n%{http_code}' \
    --header "X-Deliver-Timestamp: $now" --header "X-Deliver-Signature: sha256=$signature" \
    --header 'Content-Type: application/json' --data-binary "$body" "$DELIVER_URL")
status=$(printf %s "$answer" | tail -n 1)
id=$(field id)
say "$status $(field state): $(field reason)"
# 409 with a number: a repeated call, whose first one was taken.
case $status in
200) exit 0 ;;
202) ;;
409) [ -n "$id" ] && [ "$(field reason)" = 'it came before: a call is carried out once' ] || exit 1 ;;
*) exit 1 ;;
esac

base=${DELIVER_URL%/deliver/*} before=''
while [ $(($(date +%s) - now)) -lt "$seconds" ]; do
    answer=$(curl --silent --max-time 10 "$base/status/$id" || true)
    state="$(field state) $(field step)"
    [ "$state" = "$before" ] || say "$state"
    before=$state
    case $(field state) in
    succeeded) say "runs: $(field live)" && exit 0 ;;
    'rolled back' | failed | refused | superseded | ignored)
        say "$(field reason)" && say "runs: $(field live)" && exit 1
        ;;
    esac
    sleep "${DELIVER_PAUSE:-2}"
done
say "not known after $seconds s: $base/status/$id"
exit 2
