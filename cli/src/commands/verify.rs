//! `vedette verify`: is this evidence genuine? Without a network.

use std::{fs, path::Path};

use evidence::{Authority, Bundle, BundleError, Trust, Verdict};
use serde_json::{Value, json};

use crate::{
    arguments,
    exit::{self, Answer, Failure},
};

pub(crate) fn run(arguments: &arguments::Verify) -> Result<Answer, Failure> {
    let read = |path: &Path| {
        fs::read(path)
            .map_err(|error| Failure::work(format!("cannot read `{}`: {error}", path.display())))
    };
    let file = read(&arguments.bundle)?;
    let own = arguments.data.join("tsa/anchor.pem");
    let anchors = match &arguments.anchor {
        Some(path) => vec![anchor(path, &read(path)?)?],
        None if own.is_file() => vec![anchor(&own, &read(&own)?)?.self_signed()],
        None => Vec::new(),
    };
    let (answer, report) = judge(&file, &anchors);
    if arguments.json {
        exit::result(&report.to_string());
    } else {
        exit::result(&in_words(&arguments.bundle, &report));
    }
    Ok(answer)
}

fn anchor(path: &Path, pem: &[u8]) -> Result<Authority, Failure> {
    let name = path.file_stem().map_or_else(String::new, |it| it.to_string_lossy().into_owned());
    Authority::from_pem(&name, pem).map_err(|error| {
        Failure::call(format!("`{}` holds no authority: {error}", path.display()))
            .hint("`--anchor` wants the certificate of the authority, in PEM")
    })
}

fn judge(file: &[u8], anchors: &[Authority]) -> (Answer, Value) {
    let bundle = match Bundle::read(file) {
        Ok(bundle) => bundle,
        Err(error) => return (Answer::No, refusal(&error)),
    };
    if anchors.is_empty() {
        return (Answer::No, unanchored(&bundle));
    }
    match bundle.verify(anchors) {
        Ok(verdict) => (Answer::Yes, approval(&verdict)),
        Err(error) => (Answer::No, refusal(&error)),
    }
}

fn approval(verdict: &Verdict) -> Value {
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
    let own = bundle.embedded_authority().map(|it| bundle.verify(&[it]));
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

fn in_words(path: &Path, report: &Value) -> String {
    let text = |key: &str| match report.get(key) {
        Some(Value::String(text)) => text.clone(),
        Some(other) => other.to_string(),
        None => String::new(),
    };
    let name = path.display();
    if report.get("genuine") != Some(&Value::Bool(true)) {
        return format!("not genuine: {name}\n  {} ({})", text("reason"), text("code"));
    }
    let self_signed = report.get("trust") == serde_json::to_value(Trust::SelfSigned).ok().as_ref();
    let trust = if self_signed { " (self-signed: this installation's own authority)" } else { "" };
    format!(
        "genuine: {name}\n  existed at  {}\n  stamped by  {}{trust}\n  anchored in {}\n  \
         record      sha256 {}",
        text("gen_time"),
        text("signer"),
        text("anchor"),
        text("record_sha256"),
    )
}
