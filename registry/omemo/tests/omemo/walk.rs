//! Long random walks of two sessions: whatever comes in whatever order, each message opens once.

#[cfg(feature = "signal")]
use omemo::ratchet::Signal;
use omemo::{
    Namespace,
    ratchet::{Engine, Own, Ratchet, RatchetError, Sealed},
};

use crate::support::{Dice, NAMESPACES, pair};

const STEPS: usize = 10_000;

/// A message under way.
#[derive(Clone)]
struct Letter {
    plain: Vec<u8>,
    bytes: Vec<u8>,
    exchange: bool,
    /// The ratchet key of its chain, in the older namespace.
    chain: Vec<u8>,
}

/// One side: its session, and what is under way to it.
struct Side<R> {
    session: R,
    coming: Vec<Letter>,
    /// What it opened already, some of it.
    opened: Vec<Letter>,
    /// The other side's chains of which it opened something.
    chains: Vec<Vec<u8>>,
    /// How many of them it remembers: what of earlier ones did not come in time may be lost.
    memory: usize,
}

impl<R: Ratchet> Side<R> {
    fn new(session: R, memory: usize) -> Self {
        Self { session, coming: Vec::new(), opened: Vec::new(), chains: Vec::new(), memory }
    }

    fn seal(&mut self, number: usize) -> Letter {
        let plain = [number.to_string().into_bytes(), vec![b'.'; number % 70]].concat();
        let Sealed { bytes, exchange } = self.session.seal(&plain).unwrap();
        // Version, field 1, 33 bytes, of the kind 5.
        let found = bytes.windows(4).position(|it| it == [0x33, 0x0a, 0x21, 0x05]);
        let chain = found.map(|at| bytes[at + 4..at + 36].to_vec()).unwrap_or_default();
        Letter { plain, bytes, exchange, chain }
    }

    fn deliver(&mut self, dice: &mut Dice) {
        if self.coming.is_empty() {
            return;
        }
        let letter = self.coming.swap_remove(dice.below(self.coming.len()));
        let age = self.chains.iter().rev().position(|chain| *chain == letter.chain);
        match self.session.open(&letter.bytes, letter.exchange) {
            Err(RatchetError::Forged | RatchetError::Duplicate)
                if age.is_some_and(|age| age >= self.memory) =>
            {
                return;
            }
            plain => assert_eq!(plain.as_ref(), Ok(&letter.plain)),
        }
        if age.is_none() {
            self.chains.push(letter.chain.clone());
        }
        self.opened.push(letter);
        if self.opened.len() > 50 {
            let place = dice.below(self.opened.len());
            self.opened.swap_remove(place);
        }
    }

    fn lose(&mut self, dice: &mut Dice) {
        if !self.coming.is_empty() {
            let place = dice.below(self.coming.len());
            self.coming.swap_remove(place);
        }
    }

    /// One that came before comes again, or one comes changed: nothing happens.
    fn disturb(&mut self, dice: &mut Dice) {
        let before = self.session.save();
        if !self.opened.is_empty() {
            let letter = &self.opened[dice.below(self.opened.len())];
            assert!(self.session.open(&letter.bytes, letter.exchange).is_err(), "a replay");
        }
        if !self.coming.is_empty() {
            let mut letter = self.coming[dice.below(self.coming.len())].clone();
            // The end of each: in the MAC, or in the message that the exchange carries.
            let place =
                letter.bytes.len() - 1 - dice.below(8) - if letter.exchange { 10 } else { 0 };
            letter.bytes[place] ^= 1 << dice.below(8);
            assert!(self.session.open(&letter.bytes, letter.exchange).is_err(), "a forgery");
        }
        assert_eq!(self.session.save(), before);
    }

    fn restart(&mut self) {
        self.session = R::load(&self.session.save()).unwrap();
    }
}

/// Sections 4.3 and 6 of XEP-0384: messages may come late, never, twice and after a restart.
fn walk<A: Ratchet, B: Ratchet>(namespace: Namespace, memory: [usize; 2]) {
    let mut dice = Dice::new();
    let (a, b) = pair::<A, B>(namespace);
    let (mut a, mut b) = (Side::new(a, memory[0]), Side::new(b, memory[1]));
    // The chain of the message that began the session.
    let first = a.seal(0);
    b.chains.push(first.chain.clone());
    b.coming.push(first);
    for step in 1..STEPS {
        match dice.below(12) {
            0 | 1 => b.coming.push(a.seal(step)),
            2 | 3 => a.coming.push(b.seal(step)),
            4 | 5 => a.deliver(&mut dice),
            6 | 7 => b.deliver(&mut dice),
            8 => {
                if dice.below(10) == 0 {
                    a.lose(&mut dice);
                    b.lose(&mut dice);
                }
            }
            9 => a.disturb(&mut dice),
            10 => b.disturb(&mut dice),
            _ => {
                a.restart();
                b.restart();
            }
        }
    }
    while !a.coming.is_empty() || !b.coming.is_empty() {
        a.deliver(&mut dice);
        b.deliver(&mut dice);
    }
    assert!(a.session.confirmed() && b.session.confirmed());
}

#[test]
fn our_own_engine_opens_each_message_once() {
    for namespace in NAMESPACES {
        walk::<Own, Own>(namespace, [usize::MAX; 2]);
    }
}

/// libsignal's engine remembers five chains. It says of a chain that it had one message less than
/// it had, so that our own remembers no more than six for a last message of one.
#[cfg(feature = "signal")]
#[test]
fn both_engines_open_what_the_other_sealed() {
    walk::<Own, Signal>(Namespace::Axolotl, [6, 5]);
    walk::<Signal, Own>(Namespace::Axolotl, [5, 6]);
}

#[cfg(feature = "signal")]
#[test]
fn libsignals_engine_opens_each_message_once() {
    walk::<Signal, Signal>(Namespace::Axolotl, [5, 5]);
}

#[test]
fn the_engine_that_is_chosen_opens_each_message_once() {
    walk::<Engine, Engine>(Namespace::Axolotl, [5, 5]);
    walk::<Engine, Own>(Namespace::Omemo2, [usize::MAX; 2]);
}
