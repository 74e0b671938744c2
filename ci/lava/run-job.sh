#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# Runs one job by LAVA's real dispatcher, on a QEMU device, without a server:
#
#   ci/lava/run-job.sh ROOT WORK JOB
#
# ROOT is a root file system of Debian 13 with lava-dispatcher of trixie-backports and QEMU; it is
# made with mmdebstrap if it is not there. WORK is a folder with the files of the job, which it
# names by file:///job/FILE, and takes the results: logs.yaml, description.yaml, result.yaml. JOB
# is a file in WORK. The device dictionary is LAVA's own template, rendered with the job's context as a
# server does. Needs root. Status: that of lava-run; 1 as well if a result is not a pass.
set -eu

here=$(cd "$(dirname "$0")" && pwd)
root=$1 work=$(cd "$2" && pwd) job=$3

make_root() {
	mirror=$(apt-get indextargets --format '$(SITE)' 'Created-By: Packages' 'Origin: Debian' | head -n 1)
	[ -n "$mirror" ] || {
		echo "apt knows no mirror of Debian: run apt-get update" >&2
		return 1
	}
	# What a run that was stopped left half done.
	rm -rf "$1.new"
	for suite in trixie trixie-backports; do
		echo "deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] $mirror $suite main"
	done | mmdebstrap --mode=root --variant=apt \
		--include=lava-dispatcher,qemu-system-x86,cloud-init \
		--aptopt='APT::Install-Recommends "false"' \
		--customize-hook='chroot "$1" sh -c "cd /root && apt-get -q download lava-server && dpkg-deb -x lava-server_*.deb /opt/lava-server"' \
		trixie "$1.new" -
	mv -T "$1.new" "$1"
}

[ -d "$root/usr" ] || make_root "$root"
cp "$here/render_device.py" "$here/judge_results.py" "$work"

# Mounts that go away with it.
exec unshare --mount --propagation private -- sh -eu -c '
	mkdir -p "$1/job"
	mount --bind "$2" "$1/job"
	mount -t proc proc "$1/proc"
	mount --rbind /sys "$1/sys"
	mount --rbind /dev "$1/dev"
	exec chroot "$1" /usr/bin/env -i -C /job PATH=/usr/sbin:/usr/bin HOME=/tmp LC_ALL=C.UTF-8 sh -eu -c "
		dpkg-query -W -f \"\\\${Package} \\\${Version}\\n\" lava-common lava-dispatcher qemu-system-x86
		python3 render_device.py $3 > device.yaml
		lava-run --job-id 1 --device device.yaml --output-dir /job $3 2> lava-run.log
		python3 judge_results.py logs.yaml
	"
' sh "$root" "$work" "$job"
