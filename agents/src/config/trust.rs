//! Whom an agent believes.

use registry::VerifyingKey;
use runtime::{Fields, Setting};

const SETTINGS: &[Setting] = &[Setting {
    key: "registry",
    about: "the key that the registry signs its list of members with",
    example: "registry = \"…64 hexadecimal digits…\"",
    required: true,
}];

/// Reads `trust`.
pub(super) fn read(fields: &mut Fields<'_>) -> Option<VerifyingKey> {
    let table = fields.table("trust")?;
    let path = fields.path("trust");
    let mut fields = Fields::new(&path, table, SETTINGS, fields.problems());
    fields.parse("registry", "64 hexadecimal digits", |text| text.parse().ok())
}
