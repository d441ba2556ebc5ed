#!/bin/sh
# Written by latentum.ops. Called by certbot for each renewed certificate, with RENEWED_LINEAGE and RENEWED_DOMAINS.
# nginx reads the certificate through a link that does not change: test the configuration, then reload. A failure ends in the
# journal (journalctl -t latentum-ops-certbot) and in certbot's own log; it stops no other renewal.
set -u

tell() {
    logger --tag latentum-ops-certbot --priority "daemon.$1" -- "$2"
    echo "$2"
}

lineage=${RENEWED_LINEAGE:?is set by certbot}
name=${lineage##*/}
chmod 0600 "$(readlink -f "$lineage/privkey.pem")"
if ! systemctl is-active --quiet nginx.service; then
    tell info "$name: renewed for ${RENEWED_DOMAINS:-}; nginx is not running"
    exit 0
fi
if ! said=$(nginx -t -q 2>&1); then
    tell err "$name: renewed, but not served: nginx refuses its configuration: $said"
    exit 1
fi
if ! said=$(systemctl reload nginx.service 2>&1); then
    tell err "$name: renewed, but not served: nginx could not be reloaded: $said"
    exit 1
fi
tell info "$name: renewed for ${RENEWED_DOMAINS:-} and served"
