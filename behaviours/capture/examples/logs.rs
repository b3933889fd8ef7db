//! Reads logs, and prints how many records, bad lines and labels each has.
#![expect(clippy::print_stdout, reason = "this is what it is for")]

use std::{collections::BTreeMap, env, error::Error, fs::File, io::BufReader};

use capture::logs::{Label, Reader};

fn main() -> Result<(), Box<dyn Error>> {
    for path in env::args().skip(1) {
        let mut reader = Reader::new(BufReader::with_capacity(1 << 18, File::open(&path)?));
        let (mut labels, mut first) = (BTreeMap::new(), None);
        for record in &mut reader {
            match record {
                Ok(record) => {
                    let malicious = record.label.as_ref().map(|it: &Label| it.malicious);
                    *labels.entry(malicious).or_insert(0_u64) += 1;
                }
                Err(error) => first = first.or_else(|| Some(format!("{error:?}"))),
            }
        }
        let (told, bad, other) = (reader.told(), reader.bad(), reader.other());
        println!("{path}: {told} records, {bad} bad lines, {other} others");
        println!("    labels {labels:?}{}", first.map_or_else(String::new, |it| format!("; {it}")));
    }
    Ok(())
}
