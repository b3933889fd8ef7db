//! Tokens that are cut, flipped and shuffled: refused, or the same, and never a panic.

use der::Encode;
use evidence::{Bundle, OwnAuthority, Record, Request, accept, ers::EvidenceRecord, sha256};
use std::time::Duration;

use crate::forge::{DATA, Forge, NOW, judge};

#[test]
fn no_prefix_of_a_token_is_accepted() {
    let forge = Forge::new();
    let (token, authority) = (forge.token(), forge.authority());
    for length in 0..token.len() {
        assert!(judge(&token[..length], &authority).is_err(), "{length} bytes");
    }
}

#[test]
fn nothing_may_follow_a_token() {
    let forge = Forge::new();
    let mut token = forge.token();
    token.push(0);
    assert!(judge(&token, &forge.authority()).is_err());
}

#[test]
fn a_flipped_bit_is_refused_or_changes_nothing() {
    let forge = Forge::new();
    let (token, authority) = (forge.token(), forge.authority());
    let honest = judge(&token, &authority).unwrap();
    // The copy of the anchor in the bag is not needed and not signed.
    let anchor = forge.anchor.to_der().unwrap();
    let start = token.windows(anchor.len()).position(|part| part == anchor).unwrap();
    let unsigned = start..start + anchor.len();
    let mut elsewhere = 0;
    for place in 0..token.len() {
        for bit in 0..8 {
            let mut flipped = token.clone();
            flipped[place] ^= 1 << bit;
            if let Ok(verified) = judge(&flipped, &authority) {
                assert_eq!(verified, honest, "byte {place}, bit {bit}");
                elsewhere += usize::from(!unsigned.contains(&place));
            }
        }
    }
    // Versions and the list of digest algorithms, which nothing is decided by.
    assert!(elsewhere < 120, "{elsewhere} flips outside the copy of the anchor were accepted");
}

#[test]
fn random_changes_never_panic() {
    let forge = Forge::new();
    let (tsa, _) = OwnAuthority::create().unwrap();
    let record = Record::parse(br#"{"a":1}"#).unwrap();
    let authority = forge.authority();
    let request = Request::new(&sha256(DATA));
    let token = forge.token_over(&record.digest());
    let file = Bundle::build(record.bytes(), &[], &token, &authority).unwrap();
    let evidence = EvidenceRecord::new(&record.digest(), &[[7; 32]], &token).unwrap();
    let seeds = [
        forge.token(),
        forge.respond(&request.to_der()),
        request.to_der(),
        evidence.to_der().unwrap(),
        file,
        br#"{"a":[1,{"b":"c"},1e5,true,null]}"#.to_vec(),
    ];
    let mut random = Random(0x9e37_79b9_7f4a_7c15);
    for round in 0..30_000 {
        let mutant = random.mutate(&seeds[round % seeds.len()]);
        drop(judge(&mutant, &authority));
        drop(accept(&mutant, &request, &authority, NOW, Duration::from_mins(1)));
        drop(tsa.respond(&mutant));
        drop(Record::parse(&mutant));
        if let Ok(evidence) = EvidenceRecord::parse(&mutant) {
            drop(evidence.verify(record.bytes(), std::slice::from_ref(&authority)));
        }
        if let Ok(bundle) = Bundle::read(&mutant) {
            drop(bundle.verify(std::slice::from_ref(&authority)));
            drop(bundle.embedded_authority());
        }
    }
}

/// Xorshift (Marsaglia 2003): the same changes in every run.
struct Random(u64);

impl Random {
    fn below(&mut self, limit: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 % u64::try_from(limit).unwrap()).unwrap()
    }

    fn byte(&mut self) -> u8 {
        u8::try_from(self.below(256)).unwrap()
    }

    fn mutate(&mut self, seed: &[u8]) -> Vec<u8> {
        let mut bytes = seed.to_vec();
        for _ in 0..=self.below(6) {
            let place = self.below(bytes.len());
            match self.below(4) {
                0 => bytes[place] = self.byte(),
                1 if bytes.len() > 1 => drop(bytes.remove(place)),
                2 => bytes.insert(place, self.byte()),
                _ => {
                    let other = self.below(bytes.len());
                    bytes.swap(place, other);
                }
            }
        }
        bytes
    }
}
