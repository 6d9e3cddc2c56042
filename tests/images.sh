#!/usr/bin/env bash
# tests/images.sh: makes the small local images that the container tests run against, from Debian packages alone:
#   devenv-test/busybox          busybox-static: sh, httpd, nc, wget, nslookup, ping
#   devenv-test/redis:7          redis-server 7.0 of the host's Debian release (bookworm)
#   devenv-test/postgres:17-pgvector   postgresql-17 + pgvector of trixie, entrypoint with the
#                                official image's variables (POSTGRES_USER/PASSWORD/DB, initdb.d)
#   devenv-test/nginx:1          nginx of the host's Debian release, as the official image is laid out
#   devenv-test/registry:2       docker-registry of the host's Debian release, on port 5000
# Needs: docker, apt-get, dpkg-deb, a Debian host whose mirror carries trixie. No network in containers,
# no image registry, no chroot, no maintainer scripts: .deb files are unpacked and imported as one layer.
# Usage: tests/images.sh [--force] [busybox] [redis] [nginx] [registry] [postgres]     (default: all that are missing)
# The makers are called by name, apt's format is not the shell's, and versions hold no blanks.
# shellcheck disable=SC2012,SC2015,SC2016,SC2086,SC2317
set -euo pipefail
PREFIX=${DEVENV_TEST_PREFIX:-devenv-test}
CACHE=${DEVENV_TEST_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/devenv-test-images}
SUITE=trixie
force=; want=()
for a in "$@"; do case $a in --force) force=1;; *) want+=("$a");; esac; done
[ ${#want[@]} -gt 0 ] || want=(busybox redis nginx registry postgres)
mkdir -p "$CACHE"
arch=$(dpkg --print-architecture)
work=$(mktemp -d); trap 'rm -rf "$work"' EXIT   # subshells below inherit the variable, not the trap

have() { [ -z "$force" ] && docker image inspect "$1" >/dev/null 2>&1; }

# apt with its own lists for another suite, on the mirror the host already uses
suite_apt() {
  local d=$CACHE/apt-$SUITE mirror keyring
  mkdir -p "$d/lists/partial" "$d/archives/partial"
  mirror=$(apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' 2>/dev/null | grep -E '/debian/?$' | head -n1)
  keyring=$(ls /usr/share/keyrings/debian-archive-keyring.gpg)
  echo "deb [signed-by=$keyring arch=$arch] ${mirror:?no Debian mirror in the host apt configuration} $SUITE main" > "$d/sources.list"
  APT=(-qq -o "Dir::Etc::sourcelist=$d/sources.list" -o Dir::Etc::sourceparts=/dev/null
       -o "Dir::State::lists=$d/lists" -o "Dir::Cache::archives=$d/archives" -o Dir::Cache::pkgcache= -o Dir::Cache::srcpkgcache=
       -o Dir::State::status=/dev/null -o APT::Sandbox::User=root -o Acquire::Languages=none
       -o Acquire::IndexTargets::deb::DEP-11::DefaultEnabled=false -o Acquire::IndexTargets::deb::Contents-deb::DefaultEnabled=false)
  # a list younger than a day is good enough
  if [ -z "$(find "$d/lists" -maxdepth 1 -name '*_Packages*' -mmin -1440 -print -quit)" ]; then apt-get "${APT[@]}" update; fi
}
host_apt() { APT=(-qq -o APT::Sandbox::User=root); }

# fetch DIR PACKAGE...: .deb files into DIR, kept between runs by exact version
fetch() {
  local dir=$1; shift; mkdir -p "$dir"
  # apt skips a file that is already there and whole; a list too old to be served is refreshed once
  (cd "$dir" && { apt-get "${APT[@]}" download "$@" >/dev/null 2>&1 || { apt-get "${APT[@]}" update >/dev/null; apt-get "${APT[@]}" download "$@" >/dev/null; }; })
  (cd "$dir" && for p in "$@"; do ls -t "${p%%=*}"_*.deb | head -n1; done) | sed "s|^|$dir/|"
}
# unpack ROOT < list of .deb files
unpack() {
  local root=$1
  # /usr is merged in both releases: older packages still carry /lib and /bin paths
  mkdir -p "$root"/usr/{bin,sbin,lib,lib64} "$root"/{etc,tmp,run,var,root,dev,proc,sys}; chmod 1777 "$root/tmp"
  for l in bin sbin lib lib64; do ln -sfn "usr/$l" "$root/$l"; done
  xargs -P4 -I{} sh -c 'dpkg-deb --fsys-tarfile "$1" | tar -x -C "$2" --keep-directory-symlink \
     --exclude="./usr/share/doc" --exclude="./usr/share/man" --exclude="./usr/share/locale" --exclude="./usr/share/lintian" \
     --exclude="./usr/share/bash-completion" --exclude="./usr/lib/*/gconv" --exclude="*/bitcode" --exclude="*/llvmjit*" --exclude="./usr/share/info" \
     --exclude="./usr/lib/systemd" --exclude="./lib/systemd" --exclude="./usr/lib/postgresql/*/lib/pgxs" --exclude="./usr/share/zoneinfo/right" --exclude="./usr/share/zoneinfo/posix"' _ {} "$root"
}
# applets ROOT: busybox as the image's shell and tools, without hiding a real program
applets() {
  local root=$1 a
  [ -e "$root/usr/bin/busybox" ]
  for a in $("$root/usr/bin/busybox" --list); do [ -e "$root/usr/bin/$a" ] || [ -e "$root/usr/sbin/$a" ] || ln -s busybox "$root/usr/bin/$a"; done
  printf 'root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534::/nonexistent:/bin/false\n' > "$root/etc/passwd"
  printf 'root:x:0:\nnogroup:x:65534:\n' > "$root/etc/group"
  printf 'hosts: files dns\n' > "$root/etc/nsswitch.conf"
}
# check ROOT FILE...: every shared library resolves inside ROOT
check() {
  local root=$1 f miss; shift
  ldconfig -r "$root" 2>/dev/null || true
  for f in "$@"; do
    [ -x "$root$f" ] || { echo "$f: not in the image" >&2; return 1; }
    miss=$(chroot "$root" /usr/bin/env LD_TRACE_LOADED_OBJECTS=1 "$f" 2>&1 | grep 'not found' || true)
    [ -z "$miss" ] || { echo "$f: $miss" >&2; return 1; }
  done
}
import() { # ROOT TAG CHANGE...
  local root=$1 tag=$2 c=(); shift 2
  for x in "$@"; do c+=(-c "$x"); done
  tar -C "$root" --numeric-owner -c . | docker import "${c[@]}" - "$tag" >/dev/null
  echo "$tag $(docker image inspect -f '{{.Size}}' "$tag" | awk '{printf "%.1f MB", $1/1e6}')"
}

mk_busybox() {
  local tag=$PREFIX/busybox:latest root=$work/busybox; if have "$tag"; then return; fi
  host_apt; fetch "$CACHE/debs" busybox-static | unpack "$root"; applets "$root"
  import "$root" "$tag" 'CMD ["sh"]' 'ENV PATH=/usr/sbin:/usr/bin:/sbin:/bin'
}

mk_redis() {
  local tag=$PREFIX/redis:7 root=$work/redis; if have "$tag"; then return; fi
  host_apt
  fetch "$CACHE/debs" busybox-static redis-tools libc6 libjemalloc2 liblzf1 libatomic1 libssl3 libsystemd0 libcap2 \
     libgcrypt20 libgpg-error0 liblz4-1 liblzma5 libzstd1 libstdc++6 libgcc-s1 | unpack "$root"
  applets "$root"; rm -f "$root"/usr/bin/redis-benchmark "$root"/usr/bin/redis-check-aof; ln -s redis-check-rdb "$root/usr/bin/redis-check-aof"; ln -s redis-check-rdb "$root/usr/bin/redis-server"
  echo 'redis:x:999:999::/data:/bin/false' >> "$root/etc/passwd"; echo 'redis:x:999:' >> "$root/etc/group"
  install -d -o 999 -g 999 "$root/data"
  cat > "$root/usr/bin/docker-entrypoint.sh" <<'S'
#!/bin/sh
set -e
# like the official image: a first argument that is an option or a .conf file is for redis-server
case "$1" in -*|*.conf) set -- redis-server "$@";; esac
if [ "$1" = redis-server ]; then shift; set -- redis-server "$@" --protected-mode no --dir /data; fi
exec "$@"
S
  chmod +x "$root/usr/bin/docker-entrypoint.sh"
  check "$root" /usr/bin/redis-server /usr/bin/redis-cli
  import "$root" "$tag" 'ENTRYPOINT ["docker-entrypoint.sh"]' 'CMD ["redis-server"]' 'EXPOSE 6379' 'VOLUME /data' 'WORKDIR /data' 'USER 999:999' \
     'ENV PATH=/usr/sbin:/usr/bin:/sbin:/bin' 'HEALTHCHECK --interval=1s --timeout=2s --retries=30 CMD redis-cli ping'
}

mk_nginx() {
  local tag=$PREFIX/nginx:1 root=$work/nginx; if have "$tag"; then return; fi
  host_apt
  # A directory of its own: two who download one file at a time would spoil it.
  fetch "$CACHE/debs-nginx" busybox-static nginx nginx-common libc6 libcrypt1 libpcre2-8-0 libssl3 zlib1g | unpack "$root"
  applets "$root"
  echo 'www-data:x:33:33::/var/www:/bin/false' >> "$root/etc/passwd"; echo 'www-data:x:33:' >> "$root/etc/group"
  mkdir -p "$root/var/log/nginx" "$root/var/lib/nginx" "$root/etc/nginx/conf.d"
  ln -sf /dev/stdout "$root/var/log/nginx/access.log"; ln -sf /dev/stderr "$root/var/log/nginx/error.log"
  check "$root" /usr/sbin/nginx
  import "$root" "$tag" 'CMD ["nginx","-g","daemon off;"]' 'EXPOSE 80' 'ENV PATH=/usr/sbin:/usr/bin:/sbin:/bin'
}

mk_registry() {
  local tag=$PREFIX/registry:2 root=$work/registry; if have "$tag"; then return; fi
  host_apt
  fetch "$CACHE/debs-registry" busybox-static docker-registry libc6 | unpack "$root"; applets "$root"
  cat > "$root/etc/registry.yml" <<'S'
version: 0.1
storage: { filesystem: { rootdirectory: /var/lib/registry } }
http: { addr: ":5000" }
S
  check "$root" /usr/bin/docker-registry
  import "$root" "$tag" 'CMD ["docker-registry","serve","/etc/registry.yml"]' 'EXPOSE 5000' 'ENV PATH=/usr/sbin:/usr/bin:/sbin:/bin'
}

mk_postgres() {
  local v=17 tag root=$work/postgres; tag=$PREFIX/postgres:$v-pgvector; if have "$tag"; then return; fi
  suite_apt
  fetch "$CACHE/debs-$SUITE" busybox-static postgresql-$v postgresql-$v-pgvector postgresql-client-$v libpq5 libc6 libc-bin libgcc-s1 libstdc++6 tzdata \
     libicu76 libxml2 libxslt1.1 liblzma5 zlib1g libzstd1 liblz4-1 libssl3t64 libpam0g libaudit1 libcap-ng0 libcap2 libsystemd0 libuuid1 \
     libgssapi-krb5-2 libkrb5-3 libk5crypto3 libkrb5support0 libcom-err2 libkeyutils1 libldap2 libsasl2-2 libgcrypt20 libgpg-error0 \
     libxxhash0 libreadline8t64 libtinfo6 libedit2 libbsd0 libmd0 | unpack "$root"
  applets "$root"
  echo 'postgres:x:999:999::/var/lib/postgresql:/bin/sh' >> "$root/etc/passwd"; echo 'postgres:x:999:' >> "$root/etc/group"
  install -d -o 999 -g 999 -m 700 "$root/var/lib/postgresql/data"; chown 999:999 "$root/var/lib/postgresql"; install -d -o 999 -g 999 -m 3777 "$root/var/run/postgresql"
  mkdir -p "$root/docker-entrypoint-initdb.d"; rm -f "$root/usr/bin/ldconfig"
  cat > "$root/usr/bin/docker-entrypoint.sh" <<'S'
#!/bin/sh
# The parts of the official image's entrypoint that the tests lean on.
set -e
case "$1" in -*) set -- postgres "$@";; esac
if [ "$1" = postgres ] && [ "$(id -u)" = 0 ]; then
  mkdir -p "$PGDATA"; chown -R postgres:postgres "$PGDATA"; chmod 700 "$PGDATA"
  exec su -p postgres -s /bin/sh -c 'exec "$0" "$@"' -- "$0" "$@"
fi
if [ "$1" = postgres ] && [ ! -s "$PGDATA/PG_VERSION" ]; then
  : "${POSTGRES_USER:=postgres}"; : "${POSTGRES_DB:=$POSTGRES_USER}"
  auth=${POSTGRES_HOST_AUTH_METHOD:-scram-sha-256}
  if [ -z "$POSTGRES_PASSWORD" ] && [ "$auth" != trust ]; then echo "Error: POSTGRES_PASSWORD is not specified" >&2; exit 1; fi
  echo "$POSTGRES_PASSWORD" > /tmp/pw
  initdb -U "$POSTGRES_USER" --pwfile=/tmp/pw --no-sync --auth-local=trust --auth-host="$auth" $POSTGRES_INITDB_ARGS -D "$PGDATA"; rm -f /tmp/pw
  echo "host all all all $auth" >> "$PGDATA/pg_hba.conf"
  pg_ctl -D "$PGDATA" -o "-c listen_addresses='' -c fsync=off" -w start >/dev/null
  [ "$POSTGRES_DB" = postgres ] || psql -v ON_ERROR_STOP=1 -U "$POSTGRES_USER" -d postgres -c "CREATE DATABASE \"$POSTGRES_DB\""
  for f in /docker-entrypoint-initdb.d/*; do case $f in
    *.sh) . "$f";; *.sql) psql -v ON_ERROR_STOP=1 -U "$POSTGRES_USER" -d "$POSTGRES_DB" -f "$f";; *.sql.gz) gunzip -c "$f" | psql -v ON_ERROR_STOP=1 -U "$POSTGRES_USER" -d "$POSTGRES_DB";; esac; done
  pg_ctl -D "$PGDATA" -m fast -w stop >/dev/null
  echo 'PostgreSQL init process complete; ready for start up.'
fi
exec "$@"
S
  chmod +x "$root/usr/bin/docker-entrypoint.sh"
  sed -i "s/^#\?listen_addresses = .*/listen_addresses = '*'/" "$root/usr/share/postgresql/$v/postgresql.conf.sample"
  check "$root" /usr/lib/postgresql/$v/bin/postgres /usr/lib/postgresql/$v/bin/psql /usr/lib/postgresql/$v/bin/initdb
  import "$root" "$tag" 'ENTRYPOINT ["docker-entrypoint.sh"]' 'CMD ["postgres"]' 'EXPOSE 5432' 'VOLUME /var/lib/postgresql/data' \
     "ENV PATH=/usr/lib/postgresql/$v/bin:/usr/sbin:/usr/bin:/sbin:/bin" 'ENV PGDATA=/var/lib/postgresql/data' 'ENV LANG=C.UTF-8'
}

command -v docker >/dev/null && docker info >/dev/null 2>&1 || { echo "no docker engine: images not made" >&2; exit 3; }
pids=()
for w in "${want[@]}"; do (s=$(date +%s%N); "mk_$w"; echo "$w: $(( ($(date +%s%N) - s) / 1000000 )) ms") & pids+=($!); done
rc=0; for p in "${pids[@]}"; do wait "$p" || rc=1; done; exit $rc
