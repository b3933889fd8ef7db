//! What is found of one bundle or time stamp, as JSON and in words.

use std::{fmt::Write, path::Path};

use evidence::{Authority, Bundle, BundleError, Trust, Verdict, sha256, verify_data};
use serde::Serialize;
use serde_json::{Value, json};

pub(super) fn bundle(file: &[u8], anchors: &[Authority]) -> Value {
    let bundle = match Bundle::read(file) {
        Ok(bundle) => bundle,
        Err(error) => return refusal(&error),
    };
    if anchors.is_empty() {
        return unanchored(&bundle);
    }
    match bundle.verify(anchors) {
        Ok(verdict) => approval(&verdict),
        Err(error) => refusal(&error),
    }
}

pub(super) fn stamp(stamp: &[u8], data: &[u8], anchors: &[Authority]) -> Value {
    match verify_data(stamp, data, anchors) {
        Ok((authority, verified)) => {
            let mut report = approval(&verified);
            if let Value::Object(report) = &mut report {
                report.insert("authority".to_owned(), authority.name().into());
                report.insert("trust".to_owned(), json!(authority.trust()));
                report.insert("record_sha256".to_owned(), hex::encode(sha256(data)).into());
            }
            report
        }
        Err(error) => {
            let reason = agents::Chain(&error).to_string();
            json!({ "genuine": false, "code": error.code(), "reason": reason })
        }
    }
}

pub(super) fn is_genuine(report: &Value) -> bool {
    report.get("genuine") == Some(&Value::Bool(true))
}

fn approval(verdict: &impl Serialize) -> Value {
    let mut report = json!({ "genuine": true, "code": "ok" });
    if let (Value::Object(report), Ok(Value::Object(verdict))) =
        (&mut report, serde_json::to_value(verdict))
    {
        report.extend(verdict);
    }
    report
}

fn refusal(error: &BundleError) -> Value {
    let reason = agents::Chain(error).to_string();
    json!({ "genuine": false, "code": error.code(), "reason": reason })
}

/// Nobody said whom to trust: the bundle may still hold together, which is told too.
fn unanchored(bundle: &Bundle) -> Value {
    let own: Result<Result<Verdict, _>, _> =
        bundle.embedded_authorities().map(|it| bundle.verify(&it));
    match own {
        Ok(Ok(verdict)) => json!({
            "genuine": false,
            "code": "no-anchor",
            "reason": "it holds together, but you named no authority that you trust; \
                       name one with --anchor",
            "claims": verdict,
        }),
        Ok(Err(error)) => refusal(&error),
        Err(error) => json!({
            "genuine": false,
            "code": "no-anchor",
            "reason": format!("no authority was named, and the one in it cannot be read: {error}"),
        }),
    }
}

pub(super) fn in_words(path: &Path, report: &Value) -> String {
    let text = |place: &str| match report.pointer(place) {
        Some(Value::String(text)) => text.clone(),
        Some(other) => other.to_string(),
        None => String::new(),
    };
    let name = path.display();
    if !is_genuine(report) {
        return format!("not genuine: {name}\n  {} ({})", text("/reason"), text("/code"));
    }
    let self_signed = report.get("trust") == serde_json::to_value(Trust::SelfSigned).ok().as_ref();
    let trust = if self_signed { " (self-signed: this installation's own authority)" } else { "" };
    let mut words = format!(
        "genuine: {name}\n  existed at  {}\n  stamped by  {}{trust}\n  anchored in {}\n",
        text("/gen_time"),
        text("/signer"),
        text("/anchor"),
    );
    // Writing to a string does not fail.
    let mut line = |what: &str, said: String| {
        let _ = writeln!(words, "  {what:<11} {said}");
    };
    for also in report.get("also").and_then(Value::as_array).into_iter().flatten() {
        let at = |key| also.get(key).and_then(Value::as_str).unwrap_or_default().to_owned();
        line("and by", format!("{} at {}", at("signer"), at("gen_time")));
    }
    if report.get("after").is_some() {
        line(
            "made after",
            format!(
                "{} (entry {} of {})",
                text("/after/gen_time"),
                text("/after/size"),
                text("/after/origin")
            ),
        );
    }
    if report.get("log").is_some() {
        let number = report.pointer("/log/index").and_then(Value::as_u64).unwrap_or(0) + 1;
        line(
            "in the log",
            format!("{}, entry {number} of {}", text("/log/origin"), text("/log/size")),
        );
    }
    if report.get("seq").is_some() {
        line("number", format!("{} of its source", text("/seq")));
    }
    if report.get("signed_by").is_some() {
        line("signed by", format!("Ed25519 {}", text("/signed_by")));
    }
    line("record", format!("sha256 {}", text("/record_sha256")));
    words.trim_end().to_owned()
}
