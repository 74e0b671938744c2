// SPDX-License-Identifier: GPL-2.0

//! Turns the shipped code of the poller into an automaton that takes one access to the
//! ring at a time.
//!
//! A call of the core is a function of the values that it reads. The maker runs a call
//! from its start with some answers. The first access without an answer is the poller's
//! next step. From there the maker runs the call again with each possible answer. So it
//! finds everything that the core can do by calling it. Places that cannot be
//! distinguished afterwards are merged: otherwise there would be too many for a search.

use std::cell::Cell;
use std::collections::HashMap;

use poll_core::poll::borrow::{Borrow, Look, Ring, Word, LAPSE};

/// A step of the poller. Between two steps, others take theirs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Step {
    /// No call is in progress.
    Rest {
        borrowed: bool,
    },
    Event,
    Used,
    Swap(u8, u8),
    Barrier,
    /// Asks whether the device has buffers to use. Either answer may come at any time.
    InFlight,
}

/// The result of a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Outcome {
    /// The call has not ended, or returns nothing.
    None,
    Looked(Look),
    /// Whether an interrupt is owed.
    GivenBack(bool),
}

/// A call of the core, and whether [`LAPSE`] has passed since the call before.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Call {
    Look { lapsed: bool },
    GiveBack { lapsed: bool },
    NotTold,
}

/// All calls. The index of a call is the number of its edge.
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

/// Number of exchanges in one call after which the used index stands still.
const SWAPS: usize = 4;

/// Edge of an answer that is not searched.
const BEYOND: Edge = (0, Outcome::None);

/// A place: the poller's step there, and where it goes. Its edges are numbered by the
/// value that the poller reads or by the call that starts.
#[derive(Clone, PartialEq, Eq, Hash)]
struct Node {
    step: Step,
    edges: Vec<Edge>,
}

/// The automaton. It starts at place 0, with nothing borrowed.
pub struct Poller {
    nodes: Vec<Node>,
}

impl Poller {
    /// Makes the poller of a ring with `size` entries and indexes of the bits in
    /// `MASK`.
    pub fn new<const MASK: u16>(size: u8) -> Self {
        let mut maker = Maker::<MASK> {
            size,
            nodes: Vec::new(),
            known: HashMap::new(),
            rests: Vec::new(),
            places: HashMap::new(),
        };
        maker.rest(Borrow::default(), false);
        maker.all();
        Self {
            nodes: merge(maker.nodes),
        }
    }

    /// The step at this place.
    pub fn step(&self, place: Place) -> Step {
        self.nodes[place as usize].step
    }

    /// Starts a call.
    pub fn call(&self, place: Place, call: Call) -> Edge {
        let number = CALLS.iter().position(|each| *each == call);

        self.nodes[place as usize].edges[number.expect("each call is in CALLS")]
    }

    /// Continues with the value that was read at this place. None if that is beyond
    /// [`SWAPS`].
    pub fn answer(&self, place: Place, answer: u8) -> Option<Edge> {
        let edge = self.nodes[place as usize].edges[usize::from(answer)];

        (edge != BEYOND).then_some(edge)
    }
}

/// Makes the automaton. It makes each call from its end to its start: a call ends at a
/// place of rest.
struct Maker<const MASK: u16> {
    size: u8,
    nodes: Vec<Node>,
    /// The places within calls.
    known: HashMap<Node, Place>,
    /// The places of rest, each with its borrow and its reading of the clock (`true` is
    /// the late one). The clock has only two readings, which are far apart.
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

    /// Runs a call as far as the given answers go, and then with each possible next
    /// answer. Returns the edge to the place that it reaches.
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

/// Merges places that cannot be distinguished: they have the same step, and their edges
/// lead to such places.
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
            // Places that were distinguished before stay distinct.
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
    Place::try_from(number).expect("the number fits into a place")
}

fn small(index: u16) -> u8 {
    u8::try_from(index).expect("indexes have few bits")
}

/// A ring that gives the answers in a list, and notes the first access after them.
struct Script<'a, const MASK: u16> {
    size: u8,
    answers: &'a [u8],
    at: Cell<usize>,
    asks: Cell<Option<Step>>,
    /// The number of exchanges, and the value that the last one was to store.
    swapped: Cell<(usize, u8)>,
}

impl<const MASK: u16> Script<'_, MASK> {
    fn ask(&self, step: Step) -> u8 {
        let at = self.at.replace(self.at.get() + 1);

        if at == self.answers.len() {
            self.asks.set(Some(step));
        }
        // After the list the call continues to its end with zeros. That result is not
        // used.
        self.answers.get(at).copied().unwrap_or(0)
    }
}

impl<const MASK: u16> Word for Script<'_, MASK> {
    fn event(&self) -> u16 {
        self.ask(Step::Event).into()
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
}

impl<const MASK: u16> Ring for Script<'_, MASK> {
    const MASK: u16 = MASK;

    fn used(&self) -> u16 {
        self.ask(Step::Used).into()
    }

    fn in_flight(&self) -> bool {
        self.ask(Step::InFlight) != 0
    }

    fn size(&self) -> u16 {
        self.size.into()
    }
}
