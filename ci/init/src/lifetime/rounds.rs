// SPDX-License-Identifier: GPL-2.0
//! Numbered blocks that are written in sequence, round after round. Each block is read back before
//! the next round overwrites it. The content of the disk shows later which write was the last, and
//! whether an earlier one was lost or torn.

use anyhow::{Context, Result, ensure};

use crate::blocks::{BLOCK_SIZE, Block, Blocks};
use crate::disk::VirtioDisk;
use crate::pattern::pattern;

/// Number of blocks in a round.
const BLOCKS: u64 = 128;

pub struct Rounds {
    blocks: Blocks,
    /// The number of the next write.
    next: u64,
}

impl Rounds {
    /// Writes the first round.
    pub fn begin(disk: &VirtioDisk) -> Result<Rounds> {
        let mut rounds = Rounds::open(disk)?;
        for _ in 0..BLOCKS {
            rounds.write()?;
        }
        Ok(rounds)
    }

    /// Continues with the content of the disk. Fails unless all writes up to number `acknowledged`
    /// are there.
    pub fn resume(disk: &VirtioDisk, acknowledged: u64) -> Result<Rounds> {
        let mut rounds = Rounds::open(disk)?;
        let mut numbers = Vec::new();
        for index in 0..BLOCKS {
            let number = number_of(rounds.blocks.read(place(index))?);
            numbers.push(number.with_context(|| format!("block {index} of {}", disk.name))?);
        }
        let last = last_write(&numbers)?;
        ensure!(
            last >= acknowledged,
            "write {acknowledged} was acknowledged, but the last write on the disk is {last}"
        );
        rounds.next = last + 1;
        Ok(rounds)
    }

    fn open(disk: &VirtioDisk) -> Result<Rounds> {
        Ok(Rounds {
            blocks: Blocks::open(disk)?,
            next: 0,
        })
    }

    /// The number of the last write that the disk acknowledged.
    pub fn acknowledged(&self) -> u64 {
        self.next - 1
    }

    /// Compares `blocks` blocks, and overwrites each with the block of the next round.
    pub fn go_on(&mut self, blocks: u64) -> Result<()> {
        for _ in 0..blocks {
            let old = self.next - BLOCKS;
            let block = self.blocks.read(place(self.next))?;
            ensure!(
                *block == content(old),
                "the block of write {old} has other content: {:?}",
                number_of(block)
            );
            self.write()?;
        }
        Ok(())
    }

    fn write(&mut self) -> Result<()> {
        let number = self.next;
        self.blocks.write(place(number), &content(number))?;
        self.next += 1;
        Ok(())
    }
}

/// The index of the block for a write. The disk's first block is left out.
fn place(number: u64) -> u64 {
    number % BLOCKS + 1
}

/// The content of a block: the number, then bytes that are derived from it.
fn content(number: u64) -> Block {
    let mut block = [0; BLOCK_SIZE];
    let (head, rest) = block.split_at_mut(8);
    head.copy_from_slice(&number.to_le_bytes());
    rest.copy_from_slice(&pattern(number, rest.len()));
    block
}

fn number_of(block: &Block) -> Result<u64> {
    let number = u64::from_le_bytes(block[..8].try_into()?);
    ensure!(
        *block == content(number),
        "the block begins like write {number}, but the rest differs"
    );
    Ok(number)
}

/// Returns the number of the last write, if some sequence of writes leaves these numbers. Fails
/// otherwise.
fn last_write(numbers: &[u64]) -> Result<u64> {
    let blocks = numbers.len() as u64;
    let last = *numbers.iter().max().context("no blocks were read")?;
    for (index, &number) in (0..).zip(numbers) {
        let wanted = last.checked_sub((last + blocks - index) % blocks);
        ensure!(
            wanted == Some(number),
            "the last write is {last}, but block {index} has number {number}, not {wanted:?}"
        );
    }
    Ok(last)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lost_and_misplaced_writes_are_seen() {
        assert_eq!(last_write(&[4, 5, 6, 3]).unwrap(), 6);
        assert_eq!(last_write(&[8, 9, 10, 11]).unwrap(), 11);
        // Write 5 was lost.
        assert!(last_write(&[4, 1, 6, 3]).is_err());
        // Write 5 went to the wrong block.
        assert!(last_write(&[5, 1, 2, 3]).is_err());
        assert!(last_write(&[0, 0, 0, 0]).is_err());
    }

    #[test]
    fn torn_blocks_are_seen() {
        let mut block = content(7);
        assert_eq!(number_of(&block).unwrap(), 7);
        block[BLOCK_SIZE / 2..].copy_from_slice(&content(3)[BLOCK_SIZE / 2..]);
        assert!(number_of(&block).is_err());
        assert!(number_of(&[0; BLOCK_SIZE]).is_err());
    }
}
