//! Long random walks of two sessions: whatever comes in whatever order, each message opens once.

use omemo::{
    Namespace,
    ratchet::{Own, Ratchet},
};

use crate::support::{Dice, NAMESPACES, pair};

const STEPS: usize = 10_000;

/// A message under way.
#[derive(Clone)]
struct Letter {
    plain: Vec<u8>,
    bytes: Vec<u8>,
    exchange: bool,
}

/// One side: its session, and what is under way to it.
struct Side<R> {
    session: R,
    coming: Vec<Letter>,
    /// What it opened already, some of it.
    opened: Vec<Letter>,
}

impl<R: Ratchet> Side<R> {
    fn new(session: R) -> Self {
        Self { session, coming: Vec::new(), opened: Vec::new() }
    }

    fn seal(&mut self, number: usize) -> Letter {
        // Of many lengths, none of which is a secret to be lost.
        let plain = [number.to_string().into_bytes(), vec![b'.'; number % 70]].concat();
        let sealed = self.session.seal(&plain).unwrap();
        Letter { plain, bytes: sealed.bytes, exchange: sealed.exchange }
    }

    fn deliver(&mut self, dice: &mut Dice) {
        if self.coming.is_empty() {
            return;
        }
        let letter = self.coming.swap_remove(dice.below(self.coming.len()));
        let plain = self.session.open(&letter.bytes, letter.exchange).unwrap();
        assert_eq!(plain, letter.plain);
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
fn walk<A: Ratchet, B: Ratchet>(namespace: Namespace) {
    let mut dice = Dice::new();
    let (a, b) = pair::<A, B>(namespace);
    let (mut a, mut b) = (Side::new(a), Side::new(b));
    for step in 0..STEPS {
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
    NAMESPACES.into_iter().for_each(walk::<Own, Own>);
}
