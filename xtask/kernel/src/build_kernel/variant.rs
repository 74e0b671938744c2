// SPDX-License-Identifier: GPL-2.0
//! The variants of a line's kernel: with or without the series, and with which fragments.

/// Options that select the variant, for every command that builds a kernel
#[derive(clap::Args, Clone, Debug, Default)]
pub struct ConfigArgs {
    /// Also merge these fragments (kconfig/NAME.config); the kernel goes to target/kernel/LINE-NAME
    #[arg(long = "config", value_name = "NAME", num_args = 1..)]
    pub names: Vec<String>,
}

impl ConfigArgs {
    pub fn variant(&self) -> KernelVariant {
        KernelVariant {
            pristine: false,
            configs: self.names.clone(),
        }
    }
}

/// One variant of a line's kernel.
#[derive(Clone, Debug, Default)]
pub struct KernelVariant {
    /// Without the series: to compare with, or for the module.
    pub pristine: bool,
    /// Fragments in addition to the usual ones: NAME of kconfig/NAME.config.
    pub configs: Vec<String>,
}

impl KernelVariant {
    /// The kernel for the module: it has neither the series nor Rust, but can load modules.
    pub fn for_module(configs: &[String]) -> KernelVariant {
        let usual = ["off", "modules"].map(str::to_owned).into_iter();
        let others = configs.iter().filter(|name| *name != "modules");
        KernelVariant {
            pristine: true,
            configs: usual.chain(others.cloned()).collect(),
        }
    }

    /// The name of the variant, such as "7.3", "7.3-pristine" or "7.3-debug".
    pub fn label(&self, line: &str) -> String {
        let pristine = self.pristine.then_some("pristine");
        let configs = self.configs.iter().map(String::as_str);
        let parts: Vec<&str> = [line].into_iter().chain(pristine).chain(configs).collect();
        parts.join("-")
    }
}
