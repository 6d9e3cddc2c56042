#!/bin/sh
# install.sh: builds devenv from this directory and installs it for this user. Needs a Rust toolchain,
# never root.
#
#   ./install.sh                       to ~/.local/bin/devenv
#   PREFIX=/opt/tools ./install.sh     to /opt/tools/bin/devenv
#   DEVENV_NAME=awsdev ./install.sh    under another name, beside another program called devenv
set -eu

repository=$(cd "$(dirname "$0")" && pwd)
name=${DEVENV_NAME:-devenv}

say() { printf '%s\n' "$*"; }
fail() {
    printf 'install.sh: %s\n\nhint: %s\n' "$1" "$2" >&2
    exit 1
}

case "$name" in
'' | *[!A-Za-z0-9._-]* | -* | .*)
    fail "DEVENV_NAME is \"$name\", which is no name for a program" "use letters, digits, - and _"
    ;;
esac

if [ -n "${PREFIX:-}" ]; then
    bin=$PREFIX/bin
elif [ -n "${HOME:-}" ]; then
    bin=$HOME/.local/bin
else
    fail "neither HOME nor PREFIX is set" "PREFIX=/some/where ./install.sh"
fi

command -v cargo >/dev/null 2>&1 ||
    fail "cargo is missing" "install Rust (https://rustup.rs), then run ./install.sh again"
# SQLite is compiled from C.
command -v cc >/dev/null 2>&1 ||
    fail "a C compiler is missing" "on Debian and Ubuntu: sudo apt-get install gcc libc6-dev; on macOS: xcode-select --install"

# Whether a program is ours: ours tells its version as JSON with a schema number, as all its JSON.
is_ours() { "$1" version --json </dev/null 2>/dev/null | grep -q '"schema"'; }

# The first program called $name on PATH that is not the one about to be installed.
other=''
others() {
    old_ifs=$IFS
    IFS=:
    for dir in $PATH; do
        IFS=$old_ifs
        candidate=${dir:-.}/$name
        if [ -f "$candidate" ] && [ -x "$candidate" ] && [ "$candidate" != "$bin/$name" ] && ! is_ours "$candidate"; then
            other=$candidate
            return 0
        fi
    done
    IFS=$old_ifs
}
others

mkdir -p "$bin" 2>/dev/null || fail "the directory $bin cannot be made" "PREFIX=/some/where/you/may/write ./install.sh"
[ -w "$bin" ] || fail "the directory $bin cannot be written" "PREFIX=/some/where/you/may/write ./install.sh"
if [ -e "$bin/$name" ] && ! is_ours "$bin/$name"; then
    fail "$bin/$name is another program" "DEVENV_NAME=awsdev ./install.sh installs beside it"
fi

say "building devenv (a few minutes the first time)"
cd "$repository"
cargo build --release --locked
built=${CARGO_TARGET_DIR:-$repository/target}/release/devenv
# A new file and a rename: a running devenv keeps the program that it was started with.
cp "$built" "$bin/.$name.new"
chmod 755 "$bin/.$name.new"
mv -f "$bin/.$name.new" "$bin/$name"
say "installed $bin/$name"

found=$(command -v "$name" || true)
if [ -n "$other" ]; then
    say ''
    say "another program called $name is on your PATH: $other (cachix's devenv, perhaps)"
    if [ "$found" = "$bin/$name" ]; then
        say "  $bin comes first, so \`$name\` now means this one; call the other by its path"
    else
        say "  it comes first, so \`$name\` still means that one"
    fi
    say "  to have both: DEVENV_NAME=awsdev ./install.sh"
fi
say ''
case ":$PATH:" in
*":$bin:"*) ;;
*)
    say "$bin is not on your PATH; for this shell:"
    # The text is for the reader's shell.
    # shellcheck disable=SC2016
    say "  export PATH=\"$bin:"'$PATH"'
    found=''
    ;;
esac
if [ "$found" = "$bin/$name" ]; then
    say "next: $name up"
else
    say "next: $bin/$name up"
fi
