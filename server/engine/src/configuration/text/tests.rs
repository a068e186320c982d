use api::ConfigurationFormat::{self, Env, Json, Toml, Yaml};
use proptest::prelude::*;
use serde_json::{Map, Value, json};

use super::{Fault, TEXT_BYTES, follow, is_same, read, write};

fn object(value: Value) -> Map<String, Value> {
    let Value::Object(map) = value else { panic!("an object") };
    map
}

fn schema() -> Value {
    json!({"properties": {
        "PORT": {"type": "integer"}, "DEBUG": {"type": "boolean"}, "TAGS": {"type": "array"}, "DB": {"type": "object"}, "RATIO": {"type": "number"}
    }})
}

fn said(format: ConfigurationFormat, text: &str) -> Result<Value, Fault> {
    read(format, text, &schema()).map(|document| Value::Object(document.values))
}

#[test]
fn each_format_says_the_same() {
    let expected =
        json!({"PORT": 8000, "DEBUG": true, "NAME": "a # b", "TAGS": ["x", "y"], "DB": {"host": "h", "port": 5432}, "RATIO": 0.5});
    let texts = [
        (Json, r##"{"PORT": 8000, "DEBUG": true, "NAME": "a # b", "TAGS": ["x", "y"], "DB": {"host": "h", "port": 5432}, "RATIO": 0.5}"##),
        (Yaml, "# all\nPORT: 8000\nDEBUG: true\nNAME: 'a # b'\nTAGS:\n- x\n- y\nDB:\n  host: h # here\n  port: 5432\nRATIO: 0.5\n"),
        (Toml, "PORT = 8000 # all\nDEBUG = true\nNAME = 'a # b'\nTAGS = ['x', 'y']\nRATIO = 0.5\n[DB]\nhost = 'h'\nport = 5432\n"),
        (
            Env,
            "# all\nexport PORT=8000 # it\nDEBUG=true\nNAME=\"a # b\"\nTAGS=[\"x\",\"y\"]\nDB='{\"host\":\"h\",\"port\":5432}'\nRATIO=0.5",
        ),
    ];
    for (format, text) in texts {
        assert_eq!(said(format, text), Ok(expected.clone()), "{format}");
    }
}

#[test]
fn values_are_found_by_their_lines() {
    let cases = [
        (Yaml, "# a\nA: 1\nB:\n  c: [x,\n    y]\n", vec![("/A", 2), ("/B/c/1", 5)]),
        (Toml, "# a\nA = 1\n[B]\nc = [\n 'x',\n 'y']\n", vec![("/A", 2), ("/B", 3), ("/B/c", 4)]),
        (Env, "# a\nA=1\nB=\"x\ny\"\nC=\n", vec![("/A", 2), ("/B", 3), ("/C", 5)]),
    ];
    for (format, text, places) in cases {
        let lines = read(format, text, &schema()).unwrap().lines;
        for (pointer, line) in places {
            assert_eq!(lines.get(pointer), Some(&line), "{format} {pointer}");
        }
    }
}

#[test]
fn what_can_not_be_read_is_named_with_its_line() {
    let bomb = format!(
        "A: &a [{}]\n{}",
        "x,".repeat(99),
        (b'B'..b'G')
            .map(|c| {
                let (c, before) = (c as char, (c - 1) as char);
                format!("{c}: &{} [{}]\n", c.to_ascii_lowercase(), format!("*{},", before.to_ascii_lowercase()).repeat(30))
            })
            .collect::<String>()
    );
    let deep = format!("A: {}1{}", "[".repeat(200), "]".repeat(200));
    let deep_toml = format!("A = {}1{}", "[".repeat(5000), "]".repeat(5000));
    let cases = [
        (Json, "{\n \"A\": }", Some(2), "column 7: expected value"),
        (Json, "[1]", Some(1), "a configuration is an object"),
        (Yaml, "A: 1\nB: [1\n", Some(2), "it isn't YAML"),
        (Yaml, "A: 1\nA: 2\n", Some(2), "'A' is there twice"),
        (Yaml, "- 1", Some(1), "a configuration is a mapping"),
        (Yaml, "A: 1\n---\nB: 1", None, "a second document"),
        (Yaml, &bomb, None, "too large"),
        (Yaml, &deep, None, "nested too deeply"),
        (Toml, "A = 1\nB = ", Some(2), ""),
        (Toml, "A = 1\nA = 2", Some(2), "duplicate key"),
        (Toml, "A = 1\nB = inf", Some(2), "finite"),
        (Toml, "A = 99999999999999999999", Some(1), ""),
        (Toml, &deep_toml, Some(1), "recursion"),
        (Env, "A=1\nnonsense", Some(2), "NAME=value"),
        (Env, "A=1\n\nA=2", Some(3), "which line 1 has set"),
        (Env, "A=\"x\nB=1", Some(1), "quote"),
        (Env, "A='x' y", Some(1), "after the quotes"),
    ];
    for (format, text, line, message) in cases {
        let fault = said(format, text).unwrap_err();
        assert!(fault.message.contains(message), "{format} {text:.40}: {fault:?}");
        assert!(line.is_none_or(|line| fault.line == Some(line)), "{format} {text:.40}: {fault:?}");
        assert!(fault.message.len() < 200, "{fault:?}");
    }
    let large = "#".repeat(TEXT_BYTES + 1);
    assert!(ConfigurationFormat::ALL.into_iter().all(|format| said(format, &large).unwrap_err().message.contains("1024 KiB")));
}

#[test]
fn what_is_not_given_is_nothing_in_formats_that_have_no_word_for_it() {
    let values = object(json!({"A": null, "B": {"c": null, "d": 1}}));
    assert_eq!(said(Toml, &write(Toml, &values).unwrap()), Ok(json!({"B": {"d": 1}})));
    assert_eq!(said(Env, &write(Env, &values).unwrap()), Ok(json!({"B": "{\"c\":null,\"d\":1}"})));
    for large in [json!({"A": u64::MAX}), json!({"A": [null]})] {
        assert_eq!(write(Toml, &object(large)).unwrap_err().details[0].field, "/format");
    }
    for (format, text) in [(Yaml, ""), (Yaml, "# only\n"), (Toml, ""), (Env, "\n")] {
        assert_eq!(said(format, text), Ok(json!({})), "{format}");
    }
}

#[test]
fn a_changed_text_keeps_its_comments() {
    let yaml =
        "# the service\nPORT: 8000 # where\n\n# how it stores\nDB:\n  host: h # near\n  password: 'p # w'\nOLD: 1\n# end\nTAGS:\n- a\n";
    let toml = "# the service\nPORT = 8000 # where\nOLD = 1\n\n# how it stores\n[DB]\nhost = 'h' # near\npassword = 'p # w'\n";
    let env = "# the service\nexport PORT=8000 # where\nOLD=1\nNAME='a' # b\n# end";
    let followed = |format, text: &str, values: Value| follow(format, text, &schema(), &object(values)).unwrap();
    assert_eq!(
        followed(Yaml, yaml, json!({"PORT": 9000, "DB": {"host": "h", "password": "********"}, "TAGS": ["a", "b"], "NEW": "yes"})),
        "# the service\nPORT: 9000 # where\n\n# how it stores\nDB:\n  host: h # near\n  password: \"********\"\n# end\nTAGS:\n- a\n- b\nNEW: \"yes\"\n"
    );
    assert_eq!(
        followed(Toml, toml, json!({"PORT": 9000, "DB": {"host": "h", "password": "********", "user": "u"}, "NEW": "x"})),
        "# the service\nPORT = 9000 # where\nNEW = \"x\"\n\n# how it stores\n[DB]\nhost = 'h' # near\npassword = \"********\"\nuser = \"u\"\n"
    );
    assert_eq!(
        followed(Env, env, json!({"PORT": 9000, "NAME": "a b # c", "NEW": "x"})),
        "# the service\nexport PORT=9000 # where\nNAME=\"a b # c\" # b\n# end\nNEW=x\n"
    );
    let same = object(json!({"PORT": 8000, "OLD": 1, "NAME": "a"}));
    assert_eq!(follow(Env, env, &schema(), &same).as_deref(), Some(env), "what is the same isn't touched");
}

fn leaf() -> impl Strategy<Value = Value> {
    prop_oneof![
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        (-1e9..1e9).prop_map(Value::from),
        "\\PC{0,12}|[ -~\n\r\t\"'\\\\:#]{0,12}|yes|no|null|~|1\\.0|0x1F|2020-01-01|<<|=|\\$\\{secret:a\\}".prop_map(Value::from),
    ]
}

fn values() -> impl Strategy<Value = Map<String, Value>> {
    let inner = leaf().prop_recursive(3, 16, 4, |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            proptest::collection::btree_map("\\PC{0,6}|[a-z #:'\"]{0,6}", inner, 0..4)
                .prop_map(|map| Value::Object(map.into_iter().collect())),
        ]
    });
    proptest::collection::btree_map("[A-Z_][A-Z0-9_]{0,6}", inner, 0..5).prop_map(|map| map.into_iter().collect())
}

proptest! {
    #[test]
    fn what_is_written_reads_back(values in values()) {
        for format in ConfigurationFormat::ALL {
            let text = write(format, &values).unwrap();
            let read = read(format, &text, &schema()).map_err(|fault| TestCaseError::fail(format!("{format}: {fault:?}\n{text}")))?;
            prop_assert!(is_same(format, &read.values, &values), "{}\n{}", format, text);
        }
    }

    #[test]
    fn a_text_that_is_followed_says_what_it_has_to(before in values(), after in values()) {
        for format in ConfigurationFormat::ALL {
            let text = write(format, &before).unwrap();
            if let Some(followed) = follow(format, &text, &schema(), &after) {
                let read = read(format, &followed, &schema()).unwrap();
                prop_assert!(is_same(format, &read.values, &after), "{}\n{}", format, followed);
            }
        }
    }

    #[test]
    fn no_text_makes_it_fail(text in "(\\PC|[\n:#='\"\\[\\]{}&*A-C -]){0,60}") {
        for format in ConfigurationFormat::ALL {
            let _ = read(format, &text, &schema());
            let _ = follow(format, &text, &schema(), &object(json!({"A": 1})));
        }
    }
}
