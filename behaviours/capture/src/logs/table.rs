//! Tables: the names of columns first, then a row a line, by tabs or by commas.

use std::borrow::Cow;

use super::{
    Fault,
    columns::{Column, Row},
};

/// The most columns.
const WIDEST: usize = 512;

/// What the lines before the rows said.
#[derive(Debug)]
pub(super) struct Table {
    separator: String,
    unset: String,
    empty: String,
    columns: Vec<Option<Column>>,
    /// Whose names the columns have.
    pub(super) kind: Kind,
}

/// Whose table it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// Zeek's `conn.log`, with tabs or as CSV.
    Zeek,
    /// What `ra` prints.
    Argus,
}

impl Default for Table {
    fn default() -> Self {
        Self {
            separator: "\t".to_owned(),
            unset: "-".to_owned(),
            empty: "(empty)".to_owned(),
            columns: Vec::new(),
            kind: Kind::Zeek,
        }
    }
}

impl Table {
    /// The table of a first line with commas, if it is one that is known.
    pub(super) fn of_csv(line: &str) -> Result<Option<Self>, Fault> {
        let columns = named(split_csv(line))?;
        let mut table = Self { separator: ",".to_owned(), columns, ..Self::default() };
        let has = |column| table.columns.contains(&Some(column));
        if !has(Column::Start) || !has(Column::Source) || !has(Column::Target) {
            return Ok(None);
        }
        if !line.contains(Column::Source.name()) {
            table.kind = Kind::Argus;
        }
        Ok(Some(table))
    }

    /// Whether the names of columns are known by now.
    pub(super) fn has_columns(&self) -> bool {
        !self.columns.is_empty()
    }

    /// A line of Zeek's that begins with `#`.
    pub(super) fn directive(&mut self, line: &str) -> Result<(), Fault> {
        let (name, value) = line.split_once(['\t', ' ', ',']).unwrap_or((line, ""));
        if name == "#separator" {
            self.separator = separator(value.trim_matches(' '));
            return Ok(());
        }
        let (name, value) = line.split_once(self.separator.as_str()).unwrap_or((name, value));
        match name {
            "#empty_field" => value.clone_into(&mut self.empty),
            "#unset_field" => value.clone_into(&mut self.unset),
            "#fields" => {
                // Labelled variants have three spaces before what was added.
                let names = value.split(self.separator.as_str()).flat_map(|it| it.split("   "));
                self.columns = named(names)?;
            }
            _ => {}
        }
        Ok(())
    }

    /// What stands in a line. Where a name comes twice, the last is what counts.
    pub(super) fn row<'a>(&self, line: &'a str) -> Row<'a> {
        let mut row = Row::default();
        if self.separator == "," {
            self.fill(&mut row, split_csv(line));
            return row;
        }
        let cells = line.split(self.separator.as_str());
        if cells.clone().count() >= self.columns.len() {
            self.fill(&mut row, cells.map(Cow::Borrowed));
        } else {
            let cells = cells.flat_map(|it| it.split("   "));
            self.fill(&mut row, cells.map(Cow::Borrowed));
        }
        row
    }

    fn fill<'a>(&self, row: &mut Row<'a>, cells: impl Iterator<Item = Cow<'a, str>>) {
        for (column, cell) in self.columns.iter().zip(cells) {
            let Some(column) = *column else { continue };
            let trimmed = cell.trim();
            if trimmed.is_empty() || trimmed == self.unset || trimmed == self.empty {
                continue;
            }
            let value = match cell {
                Cow::Borrowed(cell) => Cow::Borrowed(cell.trim()),
                Cow::Owned(_) => Cow::Owned(trimmed.to_owned()),
            };
            row.set(column, value);
        }
    }
}

/// What the columns of those names tell.
fn named(names: impl Iterator<Item = impl AsRef<str>>) -> Result<Vec<Option<Column>>, Fault> {
    let columns: Vec<_> =
        names.take(WIDEST + 1).map(|it| Column::named(it.as_ref().trim())).collect();
    if columns.len() > WIDEST {
        return Err(Fault::Columns(WIDEST));
    }
    Ok(columns)
}

/// What separates, of `\x09` or of itself; a tab where that cannot be read.
fn separator(written: &str) -> String {
    let code = written.strip_prefix("\\x").and_then(|it| u8::from_str_radix(it, 16).ok());
    match code {
        Some(code) => char::from(code).to_string(),
        None if written.is_empty() => "\t".to_owned(),
        None => written.to_owned(),
    }
}

/// The cells of a line of CSV (RFC 4180, but for line ends within a cell).
pub(super) fn split_csv(line: &str) -> impl Iterator<Item = Cow<'_, str>> {
    let mut rest = Some(line);
    std::iter::from_fn(move || {
        let text = rest?;
        let Some(quoted) = text.strip_prefix('"') else {
            let (cell, more) = match text.split_once(',') {
                Some((cell, more)) => (cell, Some(more)),
                None => (text, None),
            };
            rest = more;
            return Some(Cow::Borrowed(cell));
        };
        let mut cell = String::new();
        let mut left = quoted;
        loop {
            let Some((before, after)) = left.split_once('"') else {
                cell.push_str(left);
                rest = None;
                break;
            };
            cell.push_str(before);
            if let Some(again) = after.strip_prefix('"') {
                cell.push('"');
                left = again;
                continue;
            }
            rest = after.split_once(',').map(|(_, more)| more);
            break;
        }
        Some(Cow::Owned(cell))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quotes_hold_commas_and_quotes() {
        let cells: Vec<_> = split_csv(r#"a,"b,""c""",,"d"#).collect();
        assert_eq!(cells, ["a", "b,\"c\"", "", "d"]);
        assert_eq!(split_csv("").collect::<Vec<_>>(), [""]);
    }

    #[test]
    fn a_table_says_how_it_separates_and_what_is_unset() {
        let mut table = Table::default();
        for line in [
            "#separator \\x7c",
            "#empty_field|E",
            "#unset_field|U",
            "#fields|ts|proto|x|service|label",
        ] {
            table.directive(line).unwrap();
        }
        let row = table.row("1|tcp|y|U|E");
        assert_eq!(row.get(Column::Protocol), Some("tcp"));
        assert_eq!((row.get(Column::Service), row.get(Column::Label)), (None, None));
    }

    #[test]
    fn too_many_columns_are_refused() {
        let line = format!("#fields{}", "\tx".repeat(WIDEST + 1));
        assert_eq!(Table::default().directive(&line), Err(Fault::Columns(WIDEST)));
    }
}
