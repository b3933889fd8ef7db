//! Events and warninglists of MISP.

use serde_json::Value;

use super::{Defaults, Indicator, Loaded, What, csv::of_kind};

/// Reads an event, a list of them, or what MISP answers to a search; what it holds is given to `take`.
pub(super) fn read(
    json: &Value,
    defaults: &Defaults,
    loaded: &mut Loaded,
    mut take: impl FnMut(Indicator, &mut Loaded),
) {
    let answers = json.get("response").unwrap_or(json);
    let mut line = 0;
    let mut events = 0;
    let each: &[Value] = match answers {
        Value::Array(each) => each,
        one => std::slice::from_ref(one),
    };
    for event in each {
        let event = event.get("Event").unwrap_or(event);
        if event.get("Attribute").or_else(|| event.get("Object")).is_none() {
            continue;
        }
        events += 1;
        let objects = list(event, "Object").iter().flat_map(|object| list(object, "Attribute"));
        for attribute in list(event, "Attribute").iter().chain(objects) {
            line += 1;
            take_attribute(attribute, line, defaults, loaded, &mut take);
        }
    }
    if events == 0 {
        loaded.wrong(
            1,
            "no event; right would be `{\"Event\": {\"Attribute\": [{\"type\", \"value\", \"to_ids\"}]}}`",
        );
    }
}

fn list<'a>(value: &'a Value, name: &str) -> &'a [Value] {
    value.get(name).and_then(Value::as_array).map_or(&[], Vec::as_slice)
}

fn take_attribute(
    attribute: &Value,
    line: usize,
    defaults: &Defaults,
    loaded: &mut Loaded,
    take: &mut impl FnMut(Indicator, &mut Loaded),
) {
    let text = |name: &str| attribute.get(name).and_then(Value::as_str);
    let yes = |name: &str| match attribute.get(name) {
        Some(Value::Bool(yes)) => *yes,
        Some(Value::String(yes)) => yes == "1" || yes == "true",
        Some(Value::Number(yes)) => yes.as_u64() == Some(1),
        _ => false,
    };
    if !yes("to_ids") || yes("deleted") {
        loaded.not_for_detection += 1;
        return;
    }
    let (Some(kind), Some(value)) = (text("type"), text("value")) else {
        return loaded.wrong(line, "no `type` or no `value`; right would be both, as texts");
    };
    match of_kind(kind, value) {
        Some(Ok(what)) => take(defaults.indicator(what), loaded),
        Some(Err(why)) => loaded.wrong(line, &why.to_string()),
        None => loaded.not_understood(
            line,
            &format!(
                "no attribute type `{}`; there are: ip-src, ip-dst, domain, hostname, url, md5, sha1, \
                 sha256, ja3-fingerprint-md5",
                super::indicator::start(kind)
            ),
        ),
    }
}

/// Reads a warninglist: its entries are given to `take`.
pub(super) fn read_warnings(
    json: &Value,
    loaded: &mut Loaded,
    mut take: impl FnMut(What, &mut Loaded),
) {
    let Some(entries) = json.get("list").and_then(Value::as_array) else {
        return loaded.wrong(
            1,
            "no `list`; right would be `{\"type\": \"cidr\", \"list\": [\"192.0.2.0/24\"]}`",
        );
    };
    let kind = json.get("type").and_then(Value::as_str).unwrap_or("string");
    for (place, entry) in entries.iter().enumerate() {
        let line = place + 1;
        let Some(entry) = entry.as_str() else {
            loaded.wrong(line, "an entry is no text; right would be one as `\"192.0.2.0/24\"`");
            continue;
        };
        let what = match kind {
            "cidr" => What::address(entry),
            "hostname" => What::domain(entry),
            "string" => What::read(entry),
            kind => {
                loaded.not_understood(
                    line,
                    &format!(
                        "no list type `{}`; there are: cidr, hostname, string",
                        super::indicator::start(kind)
                    ),
                );
                continue;
            }
        };
        match what {
            Ok(what) => take(what, loaded),
            Err(why) => loaded.wrong(line, &why.to_string()),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn load(json: &Value) -> (Vec<String>, Loaded) {
        let (mut values, mut loaded) = (Vec::new(), Loaded::default());
        let take = |indicator: Indicator, _: &mut Loaded| values.push(indicator.what.value());
        read(json, &Defaults::default(), &mut loaded, take);
        (values, loaded)
    }

    #[test]
    fn attributes_and_those_of_objects_are_taken_if_they_are_meant_for_it() {
        let event = json!({"Event": {
            "Attribute": [
                {"type": "ip-dst", "value": "192.0.2.1", "to_ids": true},
                {"type": "ip-dst|port", "value": "192.0.2.2|443", "to_ids": "1"},
                {"type": "domain", "value": "shown.example", "to_ids": false},
                {"type": "mutex", "value": "x", "to_ids": true},
                {"type": "domain", "value": "no", "to_ids": true},
                {"type": "domain", "to_ids": true},
            ],
            "Object": [{"Attribute": [
                {"type": "filename|md5", "value": format!("a|{}", "0".repeat(32)), "to_ids": true},
                {"type": "hostname", "value": "gone.example", "to_ids": true, "deleted": true},
            ]}],
        }});
        let (values, loaded) = load(&event);
        assert_eq!(values, ["192.0.2.1", "192.0.2.2", &"0".repeat(32)]);
        assert_eq!((loaded.not_for_detection, loaded.not_understood, loaded.wrong), (2, 1, 2));
        let (values, _) = load(&json!({"response": [event.clone(), event]}));
        assert_eq!(values.len(), 6);
    }

    #[test]
    fn what_is_no_event_is_told() {
        for wrong in [json!({}), json!([]), json!(1), json!({"Event": 1}), json!({"response": {}})]
        {
            let (values, loaded) = load(&wrong);
            assert!(values.is_empty());
            assert_eq!(loaded.wrong, 1, "{wrong}");
        }
    }

    #[test]
    fn a_warninglist_names_the_good() {
        let (mut values, mut loaded) = (Vec::new(), Loaded::default());
        let mut take = |what: What, _: &mut Loaded| values.push(what.value());
        let cidr = json!({"type": "cidr", "list": ["192.0.2.0/24", "x", 7]});
        read_warnings(&cidr, &mut loaded, &mut take);
        read_warnings(&json!({"type": "regex", "list": [".*"]}), &mut loaded, &mut take);
        read_warnings(
            &json!({"type": "hostname", "list": ["good.example"]}),
            &mut loaded,
            &mut take,
        );
        read_warnings(&json!({}), &mut loaded, &mut take);
        assert_eq!(values, ["192.0.2.0/24", "good.example"]);
        assert_eq!((loaded.wrong, loaded.not_understood), (3, 1));
    }
}
