#!/bin/sh
# A repository of updates on a test host: a package whose configuration can be made to fail, with a configuration file that an operator has
# changed, and newer versions of installed packages, made of the real ones: a library of nginx, and the engine with its scripts.
set -eu
repository=/srv/updates
mark=+patch1

mkdir -p "$repository" /tmp/own/DEBIAN /tmp/own/etc
cd "$repository"
for version in 1.0 1.1; do
    cat > /tmp/own/DEBIAN/control <<CONTROL
Package: latentum-sample
Version: $version
Architecture: all
Maintainer: Nobody <nobody@example.test>
Description: a sample
CONTROL
    echo "version $version" > /tmp/own/etc/latentum-sample.conf
    echo /etc/latentum-sample.conf > /tmp/own/DEBIAN/conffiles
    printf '#!/bin/sh\ntest ! -e /srv/sample-fails\n' > /tmp/own/DEBIAN/postinst
    chmod 755 /tmp/own/DEBIAN/postinst
    dpkg-deb --root-owner-group --build /tmp/own "latentum-sample_${version}_all.deb"
done
dpkg --install latentum-sample_1.0_all.deb
rm latentum-sample_1.0_all.deb
echo "an operator's own" > /etc/latentum-sample.conf

apt-get update --quiet
for package in libpcre2-8-0 containerd docker.io; do
    rm -rf /tmp/unpacked /tmp/fetched
    mkdir /tmp/fetched
    # shellcheck disable=SC2016 # dpkg's own placeholder
    (cd /tmp/fetched && apt-get download --quiet "$package=$(dpkg-query -W -f '${Version}' "$package")")
    dpkg-deb --raw-extract /tmp/fetched/*.deb /tmp/unpacked
    sed --in-place "s/^Version: .*/&$mark/" /tmp/unpacked/DEBIAN/control
    dpkg-deb --root-owner-group -Znone --build /tmp/unpacked "$package.deb"
done
rm -rf /tmp/unpacked /tmp/fetched /tmp/own

for file in *.deb; do
    dpkg-deb --field "$file"
    echo "Filename: ./$file"
    echo "Size: $(stat --format %s "$file")"
    echo "SHA256: $(sha256sum "$file" | cut --delimiter=' ' --fields=1)"
    echo
done > Packages
cat > Release <<RELEASE
Origin: Debian
Label: Debian-Security
Suite: updates-security
Codename: updates-security
Date: $(date --utc --rfc-email --date='1 hour ago')
SHA256:
 $(sha256sum Packages | cut --delimiter=' ' --fields=1) $(stat --format %s Packages) Packages
RELEASE
echo "deb [trusted=yes] file:$repository ./" > /etc/apt/sources.list.d/updates.list
