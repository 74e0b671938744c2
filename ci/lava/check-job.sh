#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# Checks job definitions by LAVA's own schema code, as its server does when a job is submitted, and
# what their monitors make of consoles that are known (check_judge.py):
#
#   ci/lava/check-job.sh TOOLS FILE...
#
# TOOLS is a folder for that code: Debian's package lava-common from trixie-backports, unpacked
# there once by an apt that has its own lists, and what it imports, from PyPI. Nothing is installed.
# Status: 0 valid; 1 not; 77 the code could not be had.
set -eu

here=$(cd "$(dirname "$0")" && pwd)
mkdir -p "$1"
tools=$(cd "$1" && pwd)
shift
suite=trixie-backports

# apt with the system's mirror and that suite.
private_apt() {
	mkdir -p "$tools/apt/lists/partial" "$tools/apt/cache/archives/partial"
	apt-get --quiet=2 -o Dir::Etc::SourceList="$tools/apt/lava.sources" -o Dir::Etc::SourceParts=/dev/null \
		-o Dir::State::Lists="$tools/apt/lists" -o Dir::Cache="$tools/apt/cache" \
		-o APT::Sandbox::User=root -o Acquire::Languages=none "$@"
}

# Debian's mirror as the system has it; known once its lists are there.
mirror() {
	apt-get indextargets --format '$(SITE)' 'Created-By: Packages' 'Origin: Debian' | head -n 1
}

install() {
	rm -rf "$tools/apt" "$tools/lava" "$tools/venv"
	python3 -m venv "$tools/venv" || return
	"$tools/venv/bin/pip" install --quiet --no-input --disable-pip-version-check \
		-r "$here/requirements.txt" || return
	[ -n "$(mirror)" ] || apt-get --quiet=2 update || return
	[ -n "$(mirror)" ] || return
	mkdir -p "$tools/apt"
	cat > "$tools/apt/lava.sources" <<-EOF
	Types: deb
	URIs: $(mirror)
	Suites: $suite
	Components: main
	Signed-By: /usr/share/keyrings/debian-archive-keyring.gpg
	EOF
	private_apt update || return
	(cd "$tools/apt" && private_apt download lava-common) || return
	dpkg-deb -x "$tools"/apt/lava-common_*.deb "$tools/lava" || return
	dpkg-deb -f "$tools"/apt/lava-common_*.deb Version > "$tools/version" || return
	cp "$here/requirements.txt" "$tools/installed"
}

if ! cmp -s "$here/requirements.txt" "$tools/installed"; then
	install >&2 || {
		echo "cannot get LAVA's schema code into $tools" >&2
		exit 77
	}
fi

echo "lava-common $(cat "$tools/version")"
PYTHONPATH=$tools/lava/usr/lib/python3/dist-packages PYTHONDONTWRITEBYTECODE=1 \
	"$tools/venv/bin/python" "$here/check_schema.py" "$@"
"$tools/venv/bin/python" "$here/check_judge.py" "$@"
