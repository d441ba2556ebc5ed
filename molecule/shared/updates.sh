#!/bin/sh
# A repository of updates on a test host: a package whose configuration can be made to fail, with a configuration file that an operator has
# changed, and newer versions of installed packages, made of the real ones: a library of nginx, and the engine with its scripts, if it is there.
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

# Of what is installed: the mirror may have gone on since this host was made.
for package in libpcre2-8-0 containerd docker.io; do
    dpkg-query --status "$package" > /dev/null 2>&1 || continue
    rm -rf /tmp/unpacked
    mkdir -p /tmp/unpacked/DEBIAN
    dpkg-query --status "$package" | sed "/^Status:/d; /^Conffiles:/d; /^ \//d; s/^Version: .*/&$mark/" > /tmp/unpacked/DEBIAN/control
    for part in preinst postinst prerm postrm config templates triggers conffiles shlibs symbols; do
        for file in "/var/lib/dpkg/info/$package.$part" "/var/lib/dpkg/info/$package:$(dpkg --print-architecture).$part"; do
            test ! -e "$file" || cp --preserve=mode "$file" "/tmp/unpacked/DEBIAN/$part"
        done
    done
    dpkg-query --listfiles "$package" | while read -r path; do
        test -d "$path" || echo "$path" # /lib is a link to a folder
    done > /tmp/files
    tar --create --no-recursion --ignore-failed-read --files-from=/tmp/files --file=- | tar --extract --directory=/tmp/unpacked --file=-
    dpkg-deb --root-owner-group -Znone --build /tmp/unpacked "$package.deb"
done
rm -rf /tmp/unpacked /tmp/own /tmp/files

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
