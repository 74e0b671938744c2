// SPDX-License-Identifier: GPL-2.0

//! The poller as an automaton that takes one access to the ring at a time, made
//! of the code that ships.
//!
//! A call of the core is a function of what it reads. Given some answers it is
//! run from its start, and what it asks for next is the poller's next step; there
//! it is run again for each answer. So all the core can do is found by calling
//! it. Places from which nobody can tell two histories apart are made one, or
//! else there would be too many for a search.

use std::cell::Cell;
use std::collections::HashMap;

use poll_core::poll::borrow::{Borrow, Look, Ring, LAPSE};

/// A step of the poller, between which others take theirs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Step {
    /// No call is under way.
    Rest {
        borrowed: bool,
    },
    Event,
    Used,
    Swap(u8, u8),
    Barrier,
    /// Whether the device has something to do. Either answer is given at any time.
    InFlight,
}

/// What a call came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Outcome {
    /// It has not ended, or says nothing.
    None,
    Looked(Look),
    /// Whether an interrupt is owed.
    GivenBack(bool),
}

/// A call of the core, and whether [`LAPSE`] has passed since the one before.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Call {
    Look { lapsed: bool },
    GiveBack { lapsed: bool },
    NotTold,
}

/// The calls, by the number of their edge.
const CALLS: [Call; 5] = [
    Call::Look { lapsed: false },
    Call::Look { lapsed: true },
    Call::GiveBack { lapsed: false },
    Call::GiveBack { lapsed: true },
    Call::NotTold,
];

/// A place in the automaton.
pub type Place = u32;

type Edge = (Place, Outcome);

/// After so many exchanges in one call used stands still.
const SWAPS: usize = 4;

/// Where nothing is looked into.
const BEYOND: Edge = (0, Outcome::None);

/// A place: what the poller does there, and where it goes on, by what it reads
/// or by what it is called for.
#[derive(Clone, PartialEq, Eq, Hash)]
struct Node {
    step: Step,
    edges: Vec<Edge>,
}

/// The automaton. It starts at place 0, with nothing.
pub struct Poller {
    nodes: Vec<Node>,
}

impl Poller {
    /// The poller of a ring with so many entries, by indexes of as many bits.
    pub fn new<const MASK: u16>(size: u8) -> Self {
        let mut maker = Maker::<MASK> {
            size,
            nodes: Vec::new(),
            known: HashMap::new(),
            rests: Vec::new(),
            places: HashMap::new(),
        };
        maker.rest(Borrow::new(), false);
        maker.all();
        Self {
            nodes: merge(maker.nodes),
        }
    }

    /// What comes next at this place.
    pub fn step(&self, place: Place) -> Step {
        self.nodes[place as usize].step
    }

    /// Starts a call.
    pub fn call(&self, place: Place, call: Call) -> Edge {
        let number = CALLS.iter().position(|each| *each == call);

        self.nodes[place as usize].edges[number.expect("one of all")]
    }

    /// Goes on with what was read at this place. Nothing, if that is beyond
    /// [`SWAPS`].
    pub fn answer(&self, place: Place, answer: u8) -> Option<Edge> {
        let edge = self.nodes[place as usize].edges[usize::from(answer)];

        (edge != BEYOND).then_some(edge)
    }
}

/// Makes the automaton, from its end to its start: calls end at places of rest.
struct Maker<const MASK: u16> {
    size: u8,
    nodes: Vec<Node>,
    /// The places amid calls.
    known: HashMap<Node, Place>,
    /// The places of rest; the clock has two readings, which are far apart.
    rests: Vec<(Borrow, bool, Place)>,
    places: HashMap<(Borrow, bool), Place>,
}

impl<const MASK: u16> Maker<MASK> {
    fn all(&mut self) {
        let mut at = 0;

        while let Some((borrow, late, place)) = self.rests.get(at).cloned() {
            let edges = CALLS.map(|call| self.run(&borrow, late, call, &mut Vec::new()));
            self.nodes[place as usize].edges = edges.into();
            at += 1;
        }
    }

    fn rest(&mut self, borrow: Borrow, late: bool) -> Place {
        let next = place(self.nodes.len());
        let place = *self.places.entry((borrow.clone(), late)).or_insert(next);

        if place == next {
            let step = Step::Rest {
                borrowed: borrow.is_borrowed(),
            };
            self.nodes.push(Node {
                step,
                edges: Vec::new(),
            });
            self.rests.push((borrow, late, place));
        }
        place
    }

    /// Runs a call as far as the answers go, and on from there for all others.
    fn run(&mut self, before: &Borrow, late: bool, call: Call, answers: &mut Vec<u8>) -> Edge {
        let ring = Script::<MASK> {
            size: self.size,
            answers,
            at: Cell::new(0),
            asks: Cell::new(None),
            swapped: Cell::new((0, 0)),
        };
        let mut borrow = before.clone();
        let (outcome, after) = match call {
            Call::Look { lapsed } => {
                let after = late ^ lapsed;
                (Outcome::Looked(borrow.look(&ring, now(after))), after)
            }
            Call::GiveBack { lapsed } => {
                let after = late ^ lapsed;
                (
                    Outcome::GivenBack(borrow.give_back(&ring, now(after))),
                    after,
                )
            }
            Call::NotTold => {
                borrow.not_told();
                (Outcome::None, late)
            }
        };
        let Some(step) = ring.asks.get() else {
            return (self.rest(borrow, after), outcome);
        };
        let fan = match step {
            Step::Event | Step::Used => small(MASK) + 1,
            Step::Swap(..) | Step::InFlight => 2,
            Step::Barrier | Step::Rest { .. } => 1,
        };
        let (swaps, last) = ring.swapped.get();
        let mut edges = Vec::new();
        for answer in 0..fan {
            if step == Step::Used && swaps == SWAPS && answer != last {
                edges.push(BEYOND);
                continue;
            }
            answers.push(answer);
            edges.push(self.run(before, late, call, answers));
            answers.pop();
        }
        let node = Node { step, edges };
        let next = place(self.nodes.len());
        let place = *self.known.entry(node.clone()).or_insert(next);
        if place == next {
            self.nodes.push(node);
        }
        (place, Outcome::None)
    }
}

/// Makes one of all places that nobody can tell apart: of the same step, and with
/// edges to such places.
fn merge(nodes: Vec<Node>) -> Vec<Node> {
    let mut classes = vec![0; nodes.len()];
    let mut count = 0;

    loop {
        let mut merged: HashMap<Node, Place> = HashMap::new();
        let mut kept = Vec::new();
        let mut finer = Vec::new();
        for (node, class) in nodes.iter().zip(&classes) {
            let mut node = node.clone();
            for (place, _) in &mut node.edges {
                *place = classes[*place as usize];
            }
            // What was told apart before stays so.
            let mut key = node.clone();
            key.edges.push((*class, Outcome::None));
            let next = place(kept.len());
            let place = *merged.entry(key).or_insert(next);
            if place == next {
                kept.push(node);
            }
            finer.push(place);
        }
        classes = finer;
        if kept.len() == count {
            return kept;
        }
        count = kept.len();
    }
}

fn now(late: bool) -> u64 {
    if late {
        LAPSE + 1
    } else {
        0
    }
}

fn place(number: usize) -> Place {
    Place::try_from(number).expect("few places")
}

fn small(index: u16) -> u8 {
    u8::try_from(index).expect("few bits")
}

/// A ring that gives the answers it has, and notes what it is asked for then.
struct Script<'a, const MASK: u16> {
    size: u8,
    answers: &'a [u8],
    at: Cell<usize>,
    asks: Cell<Option<Step>>,
    /// How often, and to what.
    swapped: Cell<(usize, u8)>,
}

impl<const MASK: u16> Script<'_, MASK> {
    fn ask(&self, step: Step) -> u8 {
        let at = self.at.replace(self.at.get() + 1);

        if at == self.answers.len() {
            self.asks.set(Some(step));
        }
        // From there on the call goes to its end with zeros, for nothing.
        self.answers.get(at).copied().unwrap_or(0)
    }
}

impl<const MASK: u16> Ring for Script<'_, MASK> {
    const MASK: u16 = MASK;

    fn event(&self) -> u16 {
        self.ask(Step::Event).into()
    }

    fn used(&self) -> u16 {
        self.ask(Step::Used).into()
    }

    fn swap(&self, old: u16, new: u16) -> bool {
        if self.asks.get().is_none() {
            let (swaps, _) = self.swapped.get();
            self.swapped.set((swaps + 1, small(new)));
        }
        self.ask(Step::Swap(small(old), small(new))) != 0
    }

    fn barrier(&self) {
        self.ask(Step::Barrier);
    }

    fn in_flight(&self) -> bool {
        self.ask(Step::InFlight) != 0
    }

    fn size(&self) -> u16 {
        self.size.into()
    }
}
