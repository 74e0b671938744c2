// SPDX-License-Identifier: GPL-2.0
//! What all threads of the stress share: the posts of the devices, the counts of the injected
//! faults, the threads themselves.

use std::sync::{Mutex, RwLock};

use anyhow::Result;
use guest_protocol::{Device, Stress, Stressed, Struck, Trouble};

use super::post::Post;
use crate::port::{Asker, untried};
use crate::threads::{Threads, lock};

pub struct Field {
    pub posts: Vec<Post>,
    /// How often each fault struck.
    pub troubles: Vec<Mutex<Struck>>,
    pub asker: Asker,
    /// Whether devices are polled at all.
    pub polled: bool,
    /// Held for reading by code that takes a device away, and for writing by code that stops all
    /// tasks.
    pub awake: RwLock<()>,
    pub threads: Threads,
}

impl Field {
    pub fn new(stress: &Stress, asker: &Asker) -> Field {
        let post = |&device: &Device| Post::new(device);
        let struck = |&trouble: &Trouble| {
            Mutex::new(Struck {
                trouble,
                times: 0,
                refused: 0,
                untried: None,
            })
        };
        Field {
            posts: stress.board.devices.iter().map(post).collect(),
            troubles: stress.troubles.iter().map(struck).collect(),
            asker: asker.clone(),
            polled: stress.polled,
            awake: RwLock::new(()),
            threads: Threads::default(),
        }
    }

    pub fn is_over(&self) -> bool {
        self.threads.is_over()
    }

    pub fn post(&self, device: Device) -> Result<&Post> {
        let post = self.posts.iter().find(|post| post.device == device);
        post.ok_or_else(|| untried(format!("there is no {device} device")))
    }

    pub fn stressed(&self, seconds: u32) -> Stressed {
        let troubles = self.troubles.iter();
        Stressed {
            seconds,
            works: self.posts.iter().map(Post::worked).collect(),
            troubles: troubles.map(|struck| lock(struck).clone()).collect(),
        }
    }

    pub fn summary(&self) -> String {
        let stressed = self.stressed(0);
        let works = stressed
            .works
            .iter()
            .map(|worked| format!("{} {}", worked.device, worked.operations));
        let troubles = stressed
            .troubles
            .iter()
            .filter(|struck| struck.times > 0)
            .map(|struck| format!("{} {}", struck.trouble, struck.times));
        works.chain(troubles).collect::<Vec<_>>().join(", ")
    }
}
