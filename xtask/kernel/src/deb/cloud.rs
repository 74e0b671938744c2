// SPDX-License-Identifier: GPL-2.0
//! Writes the files that make cloud-init install the packages, set the VM to boot that kernel with
//! all virtio devices polled, and restart it. `install.sh` is the script that runs in the VM.

use anyhow::{Context, Result};
use serde_json::json;
use toolbox::run;

const INSTALL: &str = include_str!("install.sh");
const INSTALLER: &str = "/usr/local/sbin/poll-source-install";
/// Kernel parameters. Without `force`, haltpoll loads only under KVM with the realtime hint.
const KERNEL_ARGS: &str = "cpuidle_haltpoll.force=1 virtio.poll_source=1";

/// One package, a file beside user-data.
#[derive(Debug)]
pub struct Deb {
    pub name: String,
    pub sha256: String,
}

/// Returns name and text of user-data and meta-data, for cloud-init's data source NoCloud. The VM
/// fetches the packages from `url`, or takes them from the disk with user-data.
pub fn files(
    release: &str,
    debs: &[Deb],
    url: Option<&str>,
) -> Result<[(&'static str, String); 2]> {
    let names: Vec<&str> = debs.iter().map(|deb| deb.name.as_str()).collect();
    let kernel = format!(
        "RELEASE='{release}'\nDEBS='{}'\nURL={}\n",
        names.join(" "),
        run::quote(url.unwrap_or_default().trim_end_matches('/'))
    );
    let sums: String = debs
        .iter()
        .map(|deb| format!("{}  {}\n", deb.sha256, deb.name))
        .collect();
    let grub = format!(
        "GRUB_CMDLINE_LINUX_DEFAULT=\"$GRUB_CMDLINE_LINUX_DEFAULT {KERNEL_ARGS}\"\n\
         GRUB_DEFAULT=saved\n"
    );
    let file = |path: &str, mode: &str, content: &str| json!({ "path": path, "permissions": mode, "content": content });
    let data = json!({
        "write_files": [
            file("/etc/default/grub.d/90-poll-source.cfg", "0644", &grub),
            file("/etc/poll-source/kernel", "0644", &kernel),
            file("/etc/poll-source/SHA256SUMS", "0644", &sums),
            file(INSTALLER, "0755", INSTALL),
        ],
        "runcmd": [[INSTALLER]],
        "power_state": {
            "mode": "reboot",
            "message": "poll_source: restarting to boot the installed kernel",
            "condition": "test -e /etc/poll-source/installed",
        },
    });
    let yaml = serde_saphyr::to_string(&data).context("writing user-data as YAML")?;
    Ok([
        ("user-data", format!("#cloud-config\n{yaml}")),
        ("meta-data", format!("instance-id: poll-source-{release}\n")),
    ])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_installer_is_told_what_to_fetch_and_from_where() {
        let debs = ["image", "headers"].map(|part| Deb {
            name: format!("linux-{part}.deb"),
            sha256: "0f".repeat(32),
        });
        let urls = [
            (None, "''"),
            (Some("http://host/debs/"), "http://host/debs"),
            (Some("http://host/it's"), r"'http://host/it'\''s'"),
        ];
        for (url, told) in urls {
            let [(_, text), _] = files("7.3.4-x", &debs, url).unwrap();
            assert!(text.starts_with("#cloud-config\n"));
            let data: serde_json::Value = serde_saphyr::from_str(&text).unwrap();
            let files = &data["write_files"];
            assert_eq!(
                files[1]["content"],
                format!(
                    "RELEASE='7.3.4-x'\nDEBS='linux-image.deb linux-headers.deb'\nURL={told}\n"
                )
            );
            // YAML keeps the script unchanged.
            assert_eq!(files[3]["content"], INSTALL);
            assert_eq!(files[3]["path"], data["runcmd"][0][0]);
        }
    }

    /// `menu` has the lines of a grub.cfg as Debian's grub-mkconfig writes them.
    #[test]
    fn the_kernel_is_found_in_grubs_menu() {
        let menu = "submenu 'Advanced options' $menuentry_id_option 'gnulinux-advanced-1b-2c' {\n\
            \tmenuentry 'Debian, with Linux 7.3.4' $menuentry_id_option 'gnulinux-7.3.4-advanced-1b-2c' {\n\
            \tmenuentry 'Debian, with Linux 7.3.4-x' $menuentry_id_option 'gnulinux-7.3.4-x-advanced-1b-2c' {\n\
            \tmenuentry 'recovery' $menuentry_id_option 'gnulinux-7.3.4-x-recovery-1b-2c' {\n";
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("grub.cfg");
        std::fs::write(&path, menu).unwrap();
        let lines: Vec<&str> = INSTALL
            .lines()
            .skip_while(|line| !line.starts_with("entry="))
            .collect();
        let script = format!(
            "RELEASE=7.3.4-x\ngrub-set-default() {{ echo \"$1\"; }}\n{}\n{}",
            lines[0], lines[1]
        )
        .replace("/boot/grub/grub.cfg", &path.display().to_string());
        let said = std::process::Command::new("bash")
            .args(["-c", &script])
            .output()
            .unwrap();
        assert_eq!(
            String::from_utf8_lossy(&said.stdout),
            "gnulinux-advanced-1b-2c>gnulinux-7.3.4-x-advanced-1b-2c\n"
        );
    }
}
