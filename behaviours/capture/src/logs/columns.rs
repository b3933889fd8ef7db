//! The columns that are understood, whoever wrote them, and one row of them.

use std::{borrow::Cow, net::IpAddr};

use super::{
    Fault,
    when::{self, decimal},
};
use crate::Moment;

macro_rules! columns {
    ($($column:ident $cell:ident $($name:literal)|+;)+) => {
        /// What a column tells.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub(super) enum Column { $($column),+ }

        impl Column {
            /// The one of that name, in whatever log.
            pub(super) fn named(name: &str) -> Option<Self> {
                match name { $($($name)|+ => Some(Self::$column),)+ _ => None }
            }

            /// What Zeek (where it has it) or Argus calls it.
            pub(super) fn name(self) -> &'static str {
                match self { $(Self::$column => columns!(@first $($name)|+)),+ }
            }
        }

        /// What stands in a line.
        #[derive(Debug, Default)]
        pub(super) struct Row<'a> { $($cell: Option<Cow<'a, str>>),+ }

        impl<'a> Row<'a> {
            /// What stands in a column, to be set.
            pub(super) fn set(&mut self, column: Column, value: Cow<'a, str>) {
                match column { $(Column::$column => self.$cell = Some(value)),+ }
            }

            /// What stands in a column.
            pub(super) fn get(&self, column: Column) -> Option<&str> {
                match column { $(Column::$column => self.$cell.as_deref()),+ }
            }
        }
    };
    (@first $name:literal $(| $more:literal)*) => { $name };
}

columns! {
    Start start "ts" | "StartTime" | "stime";
    End end "LastTime" | "ltime";
    Duration duration "duration" | "Dur" | "dur";
    Source source "id.orig_h" | "SrcAddr" | "saddr";
    SourcePort source_port "id.orig_p" | "Sport" | "sport";
    Direction direction "Dir" | "dir";
    Target target "id.resp_h" | "DstAddr" | "daddr";
    TargetPort target_port "id.resp_p" | "Dport" | "dport";
    Protocol protocol "proto" | "Proto";
    Number number "ip_proto";
    Service service "service";
    State state "conn_state" | "State" | "state";
    History history "history";
    SourcePayload source_payload "orig_bytes" | "SAppBytes" | "sappbytes";
    TargetPayload target_payload "resp_bytes" | "DAppBytes" | "dappbytes";
    SourcePackets source_packets "orig_pkts" | "SrcPkts" | "spkts";
    TargetPackets target_packets "resp_pkts" | "DstPkts" | "dpkts";
    SourceBytes source_bytes "orig_ip_bytes" | "SrcBytes" | "sbytes";
    TargetBytes target_bytes "resp_ip_bytes" | "DstBytes" | "dbytes";
    Packets packets "TotPkts" | "pkts";
    Bytes bytes "TotBytes" | "bytes";
    Vlan vlan "vlan";
    SourceLink source_link "orig_l2_addr";
    TargetLink target_link "resp_l2_addr";
    Label label "label" | "Label";
    Detail detail "detailed-label" | "detailedlabel" | "detailed_label" | "module_labels";
}

impl Row<'_> {
    /// What stands in a column that must be there.
    pub(super) fn must(&self, column: Column) -> Result<&str, Fault> {
        self.get(column).ok_or(Fault::Missing(column.name()))
    }

    /// A time that must be there.
    pub(super) fn moment(&self, column: Column) -> Result<Moment, Fault> {
        let text = self.must(column)?;
        when::parse(text).ok_or_else(|| Fault::value(column.name(), text, "a time"))
    }

    /// Nanoseconds of a span of seconds.
    pub(super) fn span(&self, column: Column) -> Result<Option<i64>, Fault> {
        let Some(text) = self.get(column) else { return Ok(None) };
        let span = decimal(text).filter(|it| *it >= 0);
        span.map(Some).ok_or_else(|| Fault::value(column.name(), text, "seconds"))
    }

    /// An address that must be there.
    pub(super) fn address(&self, column: Column) -> Result<IpAddr, Fault> {
        let text = self.must(column)?;
        text.parse().map_err(|_| Fault::value(column.name(), text, "an address"))
    }

    /// A count; 0 where there is none.
    pub(super) fn count(&self, column: Column) -> Result<u64, Fault> {
        let Some(text) = self.get(column) else { return Ok(0) };
        let whole = text.strip_suffix(".0").unwrap_or(text);
        whole.parse().map_err(|_| Fault::value(column.name(), text, "a count"))
    }

    /// A count that may be absent.
    pub(super) fn maybe_count(&self, column: Column) -> Result<Option<u64>, Fault> {
        self.get(column).map(|_| self.count(column)).transpose()
    }

    /// A port; 0 where there is none. Argus writes those of ICMP as `0x0303`.
    pub(super) fn port(&self, column: Column) -> Result<u16, Fault> {
        let Some(text) = self.get(column) else { return Ok(0) };
        let text = text.strip_suffix(".0").unwrap_or(text);
        let port = match text.strip_prefix("0x") {
            Some(digits) => u16::from_str_radix(digits, 16),
            None => text.parse(),
        };
        port.map_err(|_| {
            Fault::value(column.name(), text, "a number of a port (`ra -n` writes it)")
        })
    }
}
