//! Lists of one entry a line, with comments, and the form of `/etc/hosts`.

use super::{Defaults, Indicator, Loaded, What};

/// Reads a list; what it holds is given to `take`.
pub(super) fn read(
    text: &str,
    defaults: &Defaults,
    loaded: &mut Loaded,
    mut take: impl FnMut(Indicator, &mut Loaded),
) {
    for (line, entry) in entries(text) {
        match entry_of(entry) {
            Some(Ok(what)) => take(defaults.indicator(what), loaded),
            Some(Err(why)) => loaded.wrong(line, &why.to_string()),
            None => {}
        }
    }
}

/// The lines that hold something, by their number from 1, without comments.
pub(super) fn entries(text: &str) -> impl Iterator<Item = (usize, &str)> {
    text.trim_start_matches('\u{feff}').lines().enumerate().filter_map(|(number, line)| {
        let line = line.split(" #").next().unwrap_or(line).trim();
        let empty = line.is_empty() || line.starts_with(['#', ';', '!']) || line.starts_with("//");
        (!empty).then_some((number + 1, line))
    })
}

fn entry_of(line: &str) -> Option<Result<What, super::Unreadable>> {
    let mut words = line.split_whitespace();
    let (first, second) = (words.next()?, words.next());
    match (first, second) {
        // The form of `/etc/hosts`: names are sent to this host, or nowhere.
        ("0.0.0.0" | "127.0.0.1" | "::1" | "::", Some(name)) => {
            let own =
                matches!(name, "localhost" | "localhost.localdomain" | "local" | "broadcasthost")
                    || name.starts_with("ip6-")
                    || name == "0.0.0.0";
            (!own).then(|| What::domain(name))
        }
        _ => Some(What::read(first)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn load(text: &str) -> (Vec<String>, Loaded) {
        let (mut values, mut loaded) = (Vec::new(), Loaded::default());
        let take = |indicator: Indicator, _: &mut Loaded| values.push(indicator.what.value());
        read(text, &Defaults::default(), &mut loaded, take);
        (values, loaded)
    }

    #[test]
    fn comments_are_left_out_and_hosts_files_are_read() {
        let (values, loaded) = load(
            "# a list\n192.0.2.1 # a comment\n\n; more\n0.0.0.0 bad.example\n127.0.0.1 localhost\n\
             198.51.100.0/24 ; SBL1\nworse.example\r\n",
        );
        assert_eq!(values, ["192.0.2.1", "bad.example", "198.51.100.0/24", "worse.example"]);
        assert_eq!(loaded, Loaded::default());
    }

    #[test]
    fn a_bad_line_is_told_by_its_number_and_the_rest_is_taken() {
        let (values, loaded) = load("192.0.2.1\nnonsense\n0.0.0.0/0\n192.0.2.2\n");
        assert_eq!(values, ["192.0.2.1", "192.0.2.2"]);
        assert_eq!(loaded.wrong, 2);
        let lines: Vec<usize> = loaded.told.iter().map(|wrong| wrong.line).collect();
        assert_eq!(lines, [2, 3]);
        assert!(loaded.told.first().unwrap().why.contains("a domain as `bad.example`"));
    }
}
