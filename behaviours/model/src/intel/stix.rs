//! Bundles of STIX 2.1.

use serde_json::Value;

use super::{Defaults, Indicator, Loaded, loaded::moment, pattern};

/// Reads a bundle; what it holds is given to `take`.
pub(super) fn read(
    json: &Value,
    defaults: &Defaults,
    loaded: &mut Loaded,
    mut take: impl FnMut(Indicator, &mut Loaded),
) {
    let Some(objects) = json.get("objects").and_then(Value::as_array) else {
        return loaded.wrong(
            1,
            "no list `objects`; right would be a bundle as `{\"type\": \"bundle\", \"objects\": […]}`",
        );
    };
    for (place, object) in objects.iter().enumerate() {
        let text = |name: &str| object.get(name).and_then(Value::as_str);
        if text("type") != Some("indicator") {
            continue;
        }
        let line = place + 1;
        if object.get("revoked").and_then(Value::as_bool) == Some(true) {
            loaded.not_for_detection += 1;
            continue;
        }
        let kind = text("pattern_type").unwrap_or("stix");
        if kind != "stix" {
            loaded.not_understood(line, &format!("no pattern type `{kind}`; there is: stix"));
            continue;
        }
        let Some(pattern) = text("pattern") else {
            loaded.wrong(
                line,
                "no `pattern`; right would be one as `[ipv4-addr:value = '192.0.2.1']`",
            );
            continue;
        };
        let until = match text("valid_until").map(moment) {
            Some(None) => {
                loaded.wrong(
                    line,
                    "`valid_until` is no time; right would be one as `2026-12-31T00:00:00Z`",
                );
                continue;
            }
            Some(until) => until,
            None => defaults.valid_until,
        };
        let meaning = pattern::read(pattern);
        for _ in 0..meaning.not_understood {
            loaded.not_understood(
                line,
                &format!(
                    "pattern `{}` is not understood as a whole; understood are comparisons by `=` of \
                     addresses, domain-name, url, file hashes and network-traffic:dst_ref, with OR",
                    super::indicator::start(pattern)
                ),
            );
        }
        let confidence = object.get("confidence").and_then(Value::as_f64);
        for what in meaning.any {
            let mut indicator = defaults.indicator(what);
            indicator.valid_until = until;
            if let Some(confidence) = confidence {
                indicator.confidence = (confidence / 100.0).clamp(0.0, 1.0);
            }
            take(indicator, loaded);
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn indicators_of_a_bundle_are_taken_with_what_they_say_of_themselves() {
        let bundle = json!({"type": "bundle", "objects": [
            {"type": "identity", "name": "x"},
            {"type": "indicator", "pattern": "[ipv4-addr:value = '192.0.2.1']", "pattern_type": "stix",
             "confidence": 85, "valid_until": "2030-01-01T00:00:00Z"},
            {"type": "indicator", "pattern": "[ipv4-addr:value = '192.0.2.2']", "revoked": true},
            {"type": "indicator", "pattern": "alert tcp", "pattern_type": "snort"},
            {"type": "indicator", "pattern": "[process:name = 'x']", "pattern_type": "stix"},
            {"type": "indicator", "pattern_type": "stix"},
            {"type": "indicator", "pattern": "[ipv4-addr:value = '192.0.2.3']", "valid_until": "x"},
        ]});
        let (mut all, mut loaded) = (Vec::new(), Loaded::default());
        read(&bundle, &Defaults::default(), &mut loaded, |indicator, _| all.push(indicator));
        assert_eq!(all.len(), 1);
        assert!((all.first().unwrap().confidence - 0.85).abs() < 1e-9);
        assert!(all.first().unwrap().valid_until.is_some());
        assert_eq!((loaded.not_for_detection, loaded.not_understood, loaded.wrong), (1, 2, 2));
    }
}
