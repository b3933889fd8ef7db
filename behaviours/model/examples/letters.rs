//! Makes the table of letter pairs by which generated names are told from words: text comes in, and
//! rows of digits go out.
//!
//! `cat README.md docs/*.md behaviours/*/src/*.rs | cargo run -p model --example letters`

use std::io::{self, Read, Write};

fn main() -> io::Result<()> {
    let mut text = String::new();
    io::stdin().read_to_string(&mut text)?;
    let mut counts = [[0_u32; 26]; 26];
    let words = text.split(|letter: char| !letter.is_ascii_alphabetic());
    for word in words.filter(|word| word.len() > 2 && word.len() < 25) {
        let word = word.to_ascii_lowercase();
        for pair in word.as_bytes().windows(2) {
            let place = |at: usize| pair.get(at).map(|letter| usize::from(letter - b'a'));
            let (Some(first), Some(second)) = (place(0), place(1)) else { continue };
            if let Some(count) = counts.get_mut(first).and_then(|row| row.get_mut(second)) {
                *count += 1;
            }
        }
    }
    let most = counts.iter().flatten().max().copied().unwrap_or(1).max(2);
    let level = |count: u32| {
        let share = f64::from(count + 1).ln() / f64::from(most + 1).ln();
        format!("{:.0}", share * 9.0)
    };
    let mut out = io::stdout().lock();
    for row in counts {
        writeln!(out, "    \"{}\",", row.map(level).concat())?;
    }
    Ok(())
}
