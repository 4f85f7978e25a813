//! The corpus that both languages read: the decoder and the obvious one against what was written by hand, at every split.

mod feed;
mod reference;

use feed::Feed;
use lonedot_core::data::{BarePolicy, DataPolicies, DataReport, KeepPolicy, LineEnds};
use lonedot_core::scan::Backend;
use lonedot_core::{Fault, Violation};
use reference::Decoded;
use toml::{Table, Value};

fn check(name: &str, wire: &[u8], policies: &DataPolicies, wanted: &Decoded) {
    assert_eq!(&reference::decode(wire, policies), wanted, "{name}");
    for backend in Backend::available() {
        Feed::default().check(wire.chunks(1), policies, backend, wanted);
        for (a, b) in (0..wire.len().max(1)).map(|split| wire.split_at(split)) {
            Feed::default().check([a, b].into_iter(), policies, backend, wanted);
        }
    }
}

fn tables(file: &str, of: &str) -> Vec<Table> {
    let path = format!("{}/../../tests/data/{file}", env!("CARGO_MANIFEST_DIR"));
    let mut file: Table = std::fs::read_to_string(path).unwrap().parse().unwrap();
    let Some(Value::Array(tables)) = file.remove(of) else { panic!("no {of} in it") };
    tables.into_iter().map(|table| table.try_into().unwrap()).collect()
}

fn text(table: &mut Table, key: &str) -> Option<String> {
    table.remove(key).map(|value| value.as_str().unwrap().to_owned())
}

/// One octet for each character; none where the key is missing.
fn octets(table: &mut Table, key: &str) -> Vec<u8> {
    let text = text(table, key).unwrap_or_default();
    text.chars().map(|c| u8::try_from(u32::from(c)).unwrap()).collect()
}

fn number(table: &mut Table, key: &str) -> Option<u64> {
    table.remove(key).map(|value| value.as_integer().unwrap().try_into().unwrap())
}

fn inner(table: &mut Table, key: &str) -> Table {
    table.remove(key).map_or_else(Table::new, |value| value.try_into().unwrap())
}

/// The value of that name, the first where the key is missing.
fn one_of<T: Copy>(table: &mut Table, key: &str, values: &[(&str, T)]) -> T {
    let Some(name) = text(table, key) else { return values[0].1 };
    values.iter().find(|(of, _)| *of == name).unwrap_or_else(|| panic!("{key} is no {name}")).1
}

fn policies(mut table: Table) -> DataPolicies {
    const BARE: [(&str, BarePolicy); 3] =
        [("reject", BarePolicy::Reject), ("keep", BarePolicy::Keep), ("normalize", BarePolicy::Normalize)];
    const KEEP: [(&str, KeepPolicy); 2] = [("reject", KeepPolicy::Reject), ("keep", KeepPolicy::Keep)];
    let table = &mut table;
    let policies = DataPolicies {
        max_size: number(table, "max_size").unwrap_or(u64::MAX),
        max_line: number(table, "max_line").unwrap_or(1000),
        long_line: one_of(table, "long_line", &KEEP),
        bare_cr: one_of(table, "bare_cr", &BARE),
        bare_lf: one_of(table, "bare_lf", &BARE),
        nul: one_of(table, "nul", &KEEP),
        line_ends: one_of(table, "line_ends", &[("crlf", LineEnds::Crlf), ("lf", LineEnds::Lf)]),
    };
    assert!(table.is_empty(), "nobody knows {table:?}");
    policies
}

fn report(mut table: Table) -> DataReport {
    let mut count = |key| number(&mut table, key).unwrap_or_default();
    let counted = DataReport {
        size: count("size"),
        lines: count("lines"),
        longest_line: count("longest_line"),
        long_lines: count("long_lines"),
        dots_removed: count("dots_removed"),
        bare_cr: count("bare_cr"),
        bare_lf: count("bare_lf"),
        nul: count("nul"),
        eight_bit: count("eight_bit"),
        ..DataReport::default()
    };
    let mut place = |key| number(&mut table, key);
    let report = DataReport {
        first_long_line: place("first_long_line"),
        first_bare_cr: place("first_bare_cr"),
        first_bare_lf: place("first_bare_lf"),
        first_nul: place("first_nul"),
        first_eight_bit: place("first_eight_bit"),
        header_end: place("header_end"),
        ..counted
    };
    assert!(table.is_empty(), "nobody knows {table:?}");
    report
}

fn violation(table: &mut Table) -> Option<Violation> {
    let (name, offset) = (text(table, "violation"), number(table, "offset"));
    let fault = name.map(|name| *Fault::ALL.iter().find(|fault| fault.row().name == name).unwrap());
    assert_eq!(fault.is_some(), offset.is_some(), "a violation has an offset");
    fault.zip(offset).map(|(fault, offset)| Violation::new(fault, offset))
}

#[test]
fn corpus() {
    let cases = tables("mail_data.toml", "case");
    assert!(cases.len() >= 50);
    for mut case in cases {
        let (name, wire) = (text(&mut case, "name").unwrap(), octets(&mut case, "wire"));
        let wanted = Decoded {
            out: octets(&mut case, "data"),
            eof: !case.remove("unended").is_some_and(|value| value.as_bool().unwrap()),
            consumed: wire.len() - octets(&mut case, "rest").len(),
            violation: violation(&mut case),
            report: report(inner(&mut case, "report")),
        };
        check(&name, &wire, &policies(inner(&mut case, "policies")), &wanted);
        assert!(case.is_empty(), "{name}: nobody knows {case:?}");
    }
}

/// What the policies keep and refuse of each ending; what follows one that is none is mail data.
#[test]
fn endings() {
    let endings = tables("endings.toml", "ending");
    assert!(endings.len() >= 30);
    for mut ending in endings {
        let name = text(&mut ending, "name").unwrap();
        let (before, octets_of_it) = (octets(&mut ending, "before"), octets(&mut ending, "octets"));
        let ends = ending.remove("ends").unwrap().as_bool().unwrap();
        let (kept, refused) = (octets(&mut ending, "kept"), text(&mut ending, "violation"));
        assert!(ending.is_empty(), "{name}: nobody knows {ending:?}");

        let wire = [&before[..], &octets_of_it, b"x\r\n.\r\n"].concat();
        let (out, consumed) = match ends {
            true => (kept, before.len() + octets_of_it.len()),
            false => ([&kept[..], b"x\r\n"].concat(), wire.len()),
        };
        let keep = "bare_cr = 'keep'\nbare_lf = 'keep'\nnul = 'keep'".parse().unwrap();
        let keep = policies(keep);
        let decoded = reference::decode(&wire, &keep);
        assert_eq!((&decoded.out, decoded.eof, decoded.consumed), (&out, true, consumed), "{name}");
        check(&name, &wire, &keep, &decoded);

        let strict = reference::decode(&wire, &DataPolicies::default());
        assert_eq!(strict.violation.map(|violation| violation.fault.row().name), refused.as_deref(), "{name}");
        check(&name, &wire, &DataPolicies::default(), &strict);
    }
}
