// SPDX-License-Identifier: GPL-2.0

//! The states that were found, in the order in which they were found. Each has the
//! number of the state that it was reached from.

/// A set that only grows. The number of a state never changes.
pub struct States {
    all: Vec<u128>,
    from: Vec<u32>,
    /// Hash table with open addressing. An entry is a state's number plus one; 0 is
    /// free.
    table: Vec<u32>,
}

impl States {
    pub fn new(start: u128) -> Self {
        let mut states = Self {
            all: Vec::new(),
            from: Vec::new(),
            table: vec![0; 1 << 16],
        };
        states.add(start, 0);
        states
    }

    pub fn get(&self, number: usize) -> Option<u128> {
        self.all.get(number).copied()
    }

    pub fn len(&self) -> usize {
        self.all.len()
    }

    /// Adds a state, if it is new. It was reached from state number `from`.
    pub fn add(&mut self, state: u128, from: usize) {
        if self.all.len() * 2 > self.table.len() {
            self.grow();
        }
        let slot = self.slot(state);
        if self.table[slot] == 0 {
            self.all.push(state);
            self.from.push(number(from));
            self.table[slot] = number(self.all.len());
        }
    }

    /// The states on the path from the start to state number `last`.
    pub fn path(&self, last: usize) -> Vec<u128> {
        let mut path = vec![self.all[last]];
        let mut at = last;

        while at != 0 {
            at = self.from[at] as usize;
            path.push(self.all[at]);
        }
        path.reverse();
        path
    }

    /// The slot in the table that holds the state, or the free slot for it.
    fn slot(&self, state: u128) -> usize {
        let mask = self.table.len() - 1;
        let folded = (state ^ (state >> 64)) as u64;
        let mixed = folded.wrapping_mul(0x9e37_79b9_7f4a_7c15);
        let mut slot = (mixed ^ (mixed >> 29)) as usize & mask;

        while let Some(found) = (self.table[slot] as usize).checked_sub(1) {
            if self.all[found] == state {
                break;
            }
            slot = (slot + 1) & mask;
        }
        slot
    }

    fn grow(&mut self) {
        self.table = vec![0; self.table.len() * 2];
        for index in 0..self.all.len() {
            let slot = self.slot(self.all[index]);
            self.table[slot] = number(index + 1);
        }
    }
}

fn number(index: usize) -> u32 {
    u32::try_from(index).expect("the number of states fits into u32")
}
