//! Zeek's `conn.log`: with tabs as Zeek writes it, or as CSV with the same names of columns.

use std::{
    fmt,
    io::{self, Write},
};

use super::identity;
use crate::{
    Flow, Protocol,
    logs::{Label, when::Decimal},
};

const COLUMNS: [(&str, &str); 24] = [
    ("ts", "time"),
    ("uid", "string"),
    ("id.orig_h", "addr"),
    ("id.orig_p", "port"),
    ("id.resp_h", "addr"),
    ("id.resp_p", "port"),
    ("proto", "enum"),
    ("service", "string"),
    ("duration", "interval"),
    ("orig_bytes", "count"),
    ("resp_bytes", "count"),
    ("conn_state", "string"),
    ("missed_bytes", "count"),
    ("history", "string"),
    ("orig_pkts", "count"),
    ("orig_ip_bytes", "count"),
    ("resp_pkts", "count"),
    ("resp_ip_bytes", "count"),
    ("orig_l2_addr", "string"),
    ("resp_l2_addr", "string"),
    ("vlan", "int"),
    ("ip_proto", "count"),
    ("label", "string"),
    ("detailedlabel", "string"),
];

/// Writes a table of conversations, the names of its columns first. Times to the microsecond.
#[derive(Debug)]
pub struct TableWriter<W> {
    output: W,
    separator: char,
    begun: bool,
}

impl<W: Write> TableWriter<W> {
    /// Zeek's own: tabs, and `-` where nothing is known.
    pub fn zeek(output: W) -> Self {
        Self { output, separator: '\t', begun: false }
    }

    /// With commas, the names of columns in the first line.
    pub fn csv(output: W) -> Self {
        Self { output, separator: ',', begun: false }
    }

    /// Writes one conversation, and what is said of it.
    pub fn write(&mut self, flow: &Flow, label: Option<&Label>) -> io::Result<()> {
        self.begin()?;
        let link = |at: usize| flow.link.and_then(|it| it.get(at).copied()).map(Mac);
        let malicious = label.and_then(|it| it.malicious);
        let label_word = malicious.map(|it| if it { "Malicious" } else { "Benign" });
        let detail = label.map(|it| it.detail.as_str()).filter(|it| !it.is_empty());
        let Protocol(number) = flow.protocol;
        let cells: [&dyn fmt::Display; 17] = [
            &Decimal(flow.start.0),
            &Uid(identity(flow)),
            &flow.originator.address,
            &flow.originator.port,
            &flow.responder.address,
            &flow.responder.port,
            &flow.protocol.name(),
            &Maybe(flow.service.map(crate::Service::name), self.unset()),
            &Decimal(flow.end.0.saturating_sub(flow.start.0).max(0)),
            &flow.forward.payload,
            &flow.reverse.payload,
            &flow.state.name(),
            &0,
            &Clean(Some(&flow.history).filter(|it| !it.is_empty()).map(String::as_str), self),
            &flow.forward.packets,
            &flow.forward.bytes,
            &flow.reverse.packets,
        ];
        let more: [&dyn fmt::Display; 7] = [
            &flow.reverse.bytes,
            &Maybe(link(0), self.unset()),
            &Maybe(link(1), self.unset()),
            &Maybe(flow.vlan, self.unset()),
            &number,
            &Maybe(label_word, self.unset()),
            &Clean(detail, self),
        ];
        let mut text = String::with_capacity(256);
        for cell in cells.into_iter().chain(more) {
            if !text.is_empty() {
                text.push(self.separator);
            }
            text.push_str(&cell.to_string());
        }
        text.push('\n');
        self.output.write_all(text.as_bytes())
    }

    /// Writes what comes last, and hands back where it went.
    pub fn finish(mut self) -> io::Result<W> {
        self.begin()?;
        if self.separator == '\t' {
            writeln!(self.output, "#close")?;
        }
        self.output.flush()?;
        Ok(self.output)
    }

    fn begin(&mut self) -> io::Result<()> {
        if self.begun {
            return Ok(());
        }
        self.begun = true;
        let names = COLUMNS.map(|it| it.0).join(&self.separator.to_string());
        if self.separator == ',' {
            return writeln!(self.output, "{names}");
        }
        let types = COLUMNS.map(|it| it.1).join("\t");
        write!(
            self.output,
            "#separator \\x09\n#set_separator\t,\n#empty_field\t(empty)\n#unset_field\t-\n\
             #path\tconn\n#fields\t{names}\n#types\t{types}\n"
        )
    }

    fn unset(&self) -> &'static str {
        if self.separator == '\t' { "-" } else { "" }
    }
}

/// What may not be known.
struct Maybe<T>(Option<T>, &'static str);

impl<T: fmt::Display> fmt::Display for Maybe<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Some(value) => value.fmt(f),
            None => f.write_str(self.1),
        }
    }
}

/// Text that may hold what separates: with tabs that is blotted out, with commas it is quoted.
struct Clean<'a, W>(Option<&'a str>, &'a TableWriter<W>);

impl<W: Write> fmt::Display for Clean<'_, W> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some(text) = self.0 else { return f.write_str(self.1.unset()) };
        let text: String = text.chars().map(|it| if it.is_control() { ' ' } else { it }).collect();
        if self.1.separator == ',' && text.contains([',', '"']) {
            return write!(f, "\"{}\"", text.replace('"', "\"\""));
        }
        f.write_str(&text)
    }
}

struct Mac([u8; 6]);

impl fmt::Display for Mac {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (place, byte) in self.0.iter().enumerate() {
            let colon = if place == 0 { "" } else { ":" };
            write!(f, "{colon}{byte:02x}")?;
        }
        Ok(())
    }
}

/// Zeek's way: a `C`, and letters and digits.
struct Uid(u64);

impl fmt::Display for Uid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("C")?;
        let mut left = self.0;
        for _ in 0..11 {
            let digit = u32::try_from(left % 36).unwrap_or(0);
            f.write_str(char::from_digit(digit, 36).unwrap_or('0').encode_utf8(&mut [0; 4]))?;
            left /= 36;
        }
        Ok(())
    }
}
