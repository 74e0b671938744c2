// SPDX-License-Identifier: GPL-2.0
//! Saves the state of a virtual machine before it is measured, and restores it afterwards: the
//! module, its parameters and the devices' switches.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};
use fs_err as fs;
use guest_protocol::form::MODULE;
use toolbox::run;

/// The path of sysfs. Tests use another folder.
#[derive(Clone, Debug)]
pub struct Sysfs(pub PathBuf);

impl Sysfs {
    pub fn real() -> Sysfs {
        Sysfs("/sys".into())
    }

    pub fn devices(&self) -> PathBuf {
        self.0.join("bus/virtio/devices")
    }

    pub fn module(&self, name: &str) -> PathBuf {
        self.0.join("module").join(name)
    }

    pub fn is_loaded(&self) -> bool {
        self.module(MODULE).join("initstate").exists()
    }

    /// Path and content of each parameter of the module and of each device's switch.
    fn settings(&self) -> Vec<(PathBuf, String)> {
        let entries = |dir: PathBuf| fs::read_dir(dir).into_iter().flatten().flatten();
        let switches = entries(self.devices()).map(|entry| entry.path().join("poll_source"));
        let parameters = entries(self.module(MODULE).join("parameters")).map(|entry| entry.path());
        let read = |path: PathBuf| Some((path.clone(), fs::read_to_string(path).ok()?));
        parameters.chain(switches).filter_map(read).collect()
    }
}

/// The saved state. Dropping it restores the state, however the measurement ended.
pub struct PutBack {
    sysfs: Sysfs,
    /// The module's file, if the module was loaded.
    loaded: Option<PathBuf>,
    settings: Vec<(PathBuf, String)>,
}

impl PutBack {
    /// Saves the state. `module` is the file of the module that is loaded or will be loaded.
    pub fn take(sysfs: Sysfs, module: Option<&Path>) -> PutBack {
        let is_loaded = sysfs.is_loaded();
        PutBack {
            loaded: module.filter(|_| is_loaded).map(Path::to_owned),
            settings: sysfs.settings(),
            sysfs,
        }
    }

    fn put_back(&self) -> Result<()> {
        match &self.loaded {
            Some(file) if !self.sysfs.is_loaded() => tool(Command::new("insmod").arg(file))?,
            None if self.sysfs.is_loaded() => tool(Command::new("rmmod").arg(MODULE))?,
            _ => {}
        }
        for (path, value) in &self.settings {
            if fs::read_to_string(path).is_ok_and(|now| now == *value) {
                continue;
            }
            fs::write(path, value)?;
        }
        Ok(())
    }
}

impl Drop for PutBack {
    fn drop(&mut self) {
        if let Err(err) = self.put_back() {
            eprintln!("warning: could not restore the state of this machine: {err:#}");
        }
    }
}

/// Runs a command without `toolbox::run`, so that it also runs after ^C.
fn tool(cmd: &mut Command) -> Result<()> {
    let line = run::command_line(cmd);
    let output = cmd.output().with_context(|| format!("running {line}"))?;
    ensure!(
        output.status.success(),
        "{line}: {}: {}",
        output.status,
        String::from_utf8_lossy(&output.stderr).trim()
    );
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_are_put_back_and_what_was_not_there_is_left() {
        let dir = tempfile::tempdir().unwrap();
        let sysfs = Sysfs(dir.path().to_owned());
        let switch = sysfs.devices().join("virtio0/poll_source");
        let parameter = sysfs.module(MODULE).join("parameters/wait_always");
        for file in [&switch, &parameter] {
            fs::create_dir_all(file.parent().unwrap()).unwrap();
            fs::write(file, "0\n").unwrap();
        }
        fs::write(sysfs.module(MODULE).join("initstate"), "live\n").unwrap();
        let before = PutBack::take(sysfs.clone(), Some(Path::new("/x.ko")));
        fs::write(&switch, "1\n").unwrap();
        fs::write(&parameter, "Y\n").unwrap();
        let other = sysfs.devices().join("virtio1/poll_source");
        fs::create_dir_all(other.parent().unwrap()).unwrap();
        fs::write(&other, "1\n").unwrap();
        drop(before);
        let read = |path: &Path| fs::read_to_string(path).unwrap();
        assert_eq!(
            (read(&switch), read(&parameter)),
            ("0\n".into(), "0\n".into())
        );
        assert_eq!(read(&other), "1\n");
    }

    #[test]
    fn a_module_that_cannot_be_loaded_again_is_told() {
        let dir = tempfile::tempdir().unwrap();
        let sysfs = Sysfs(dir.path().to_owned());
        let state = sysfs.module(MODULE).join("initstate");
        fs::create_dir_all(state.parent().unwrap()).unwrap();
        fs::write(&state, "live\n").unwrap();
        let before = PutBack::take(sysfs, Some(Path::new("/no/such.ko")));
        fs::remove_file(&state).unwrap();
        let err = format!("{:#}", before.put_back().unwrap_err());
        assert!(err.contains("insmod /no/such.ko"), "{err}");
    }
}
