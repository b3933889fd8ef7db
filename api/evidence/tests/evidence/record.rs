//! Records: what is canonical, and what is refused before it is made so.

use evidence::{Record, RecordError};
use insta::assert_snapshot;
use serde_json::json;

use crate::forge::text;

fn refusal(json: &str) -> String {
    text(&Record::parse(json.as_bytes()).unwrap_err())
}

fn nested(levels: usize) -> String {
    format!("{{\"a\":{}1{}}}", "[".repeat(levels - 1), "]".repeat(levels - 1))
}

#[test]
fn keys_are_sorted_and_spaces_are_dropped() {
    let record = Record::parse(b" { \"b\" : [1.0, 1e1, \"\\u00e9\"],\n \"a\" : null } ").unwrap();
    assert_eq!(std::str::from_utf8(record.bytes()).unwrap(), r#"{"a":null,"b":[1,10,"é"]}"#);
}

// The example of RFC 8785 section 3.2.2.
#[test]
fn the_example_of_the_standard_comes_out_as_the_standard_says() {
    let json = r#"{"numbers": [333333333.33333329, 1E15, 4.50, 2e-3, 0.000000000000000000000000001],
        "string": "\u20ac$\u000F\u000aA'\u0042\u0022\u005c\\\"\/",
        "literals": [null, true, false]}"#;
    let canonical = concat!(
        r#"{"literals":[null,true,false],"numbers":[333333333.3333333,1000000000000000,4.5,"#,
        r#"0.002,1e-27],"string":"€$\u000f\nA'B\"\\\\\"/"}"#
    );
    assert_eq!(
        std::str::from_utf8(Record::parse(json.as_bytes()).unwrap().bytes()).unwrap(),
        canonical
    );
}

#[test]
fn a_canonical_record_is_its_own_canonical_form() {
    let record = Record::parse(br#"{"z":{"y":[1e15,-0.0,1e-7]},"x":"\u0000"}"#).unwrap();
    let again = Record::parse(record.bytes()).unwrap();
    assert_eq!(again.bytes(), record.bytes());
    assert_eq!(again.digest(), record.digest());
}

#[test]
fn a_value_and_its_text_are_the_same_record() {
    let value =
        json!({"payload": {"raw": "b2s="}, "meta": {"ts": 1_790_000_000, "ports": [22, 80]}});
    let of_value = Record::of(&value).unwrap();
    assert_eq!(of_value, Record::parse(value.to_string().as_bytes()).unwrap());
    assert_eq!(*of_value.value(), value);
}

#[test]
fn a_key_that_occurs_twice_is_named() {
    assert_snapshot!(refusal(r#"{"a":1,"a":1}"#), @"key `/a` occurs twice");
    assert_snapshot!(refusal(r#"{"meta":{"x":[0,{"k/1":1,"k/1":2}]}}"#), @"key `/meta/x/1/k~11` occurs twice");
    assert_snapshot!(refusal(r#"{"a":{"é":1,"\u00e9":2}}"#), @"key `/a/é` occurs twice");
}

#[test]
fn a_number_that_would_lose_digits_is_named() {
    assert_snapshot!(refusal(r#"{"payload":{"count":9007199254740992}}"#), @"number at `/payload/count` is beyond ±(2^53−1) and would lose digits; send it as a string");
    for number in
        ["-9007199254740992", "18446744073709551616", "1e16", "-1e300", "9007199254740993.0"]
    {
        let error = Record::parse(format!("{{\"n\":[{number}]}}").as_bytes()).unwrap_err();
        let RecordError::NumberOutOfRange { path } = error else { panic!("{number}: {error}") };
        assert_eq!(path, "/n/0", "{number}");
    }
    for number in ["9007199254740991", "-9007199254740991", "0.1", "1e-400", "123456.789"] {
        Record::parse(format!("{{\"n\":[{number}]}}").as_bytes()).unwrap();
    }
}

#[test]
fn sixty_four_levels_are_enough() {
    Record::parse(nested(64).as_bytes()).unwrap();
    assert!(matches!(Record::parse(nested(65).as_bytes()), Err(RecordError::TooDeep { .. })));
    assert!(matches!(Record::parse(nested(100_000).as_bytes()), Err(RecordError::TooDeep { .. })));
}

#[test]
fn a_mebibyte_is_enough() {
    let sized = |size: usize| format!("{{\"a\":\"{}\"}}", "x".repeat(size - 8));
    assert_eq!(Record::parse(sized(1024 * 1024).as_bytes()).unwrap().bytes().len(), 1024 * 1024);
    assert_snapshot!(refusal(&sized(1024 * 1024 + 1)), @"a record of 1048577 bytes; at most 1048576 are taken");
    let value = json!({"a": "x".repeat(1024 * 1024)});
    assert!(matches!(Record::of(&value), Err(RecordError::TooLarge { .. })));
}

#[test]
fn what_is_not_an_object_is_refused() {
    assert_snapshot!(refusal("[1]"), @"a record is a JSON object, not an array");
    assert_snapshot!(refusal("null"), @"a record is a JSON object, not null");
    assert_snapshot!(refusal(""), @"not JSON: EOF while parsing a value at line 1 column 0");
    assert_snapshot!(refusal("{} {}"), @"not JSON: trailing characters at line 1 column 4");
    assert_snapshot!(refusal(r#"{"a":NaN}"#), @"not JSON: expected value at line 1 column 6");
    assert_snapshot!(refusal(r#"{"a":1e999}"#), @"not JSON: number out of range at line 1 column 10");
    assert_snapshot!(refusal(r#"{"a":"\ud800"}"#), @"not JSON: unexpected end of hex escape at line 1 column 13");
}

#[test]
fn bytes_that_are_not_text_are_refused() {
    assert!(matches!(Record::parse(b"{\"a\":\"\xff\"}"), Err(RecordError::Syntax(_))));
    assert!(matches!(Record::parse(&[0x30; 100]), Err(RecordError::Syntax(_))));
}
