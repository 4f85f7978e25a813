//! The fuzzer's targets, run without it over the corpus it left: what was once found stays found, on every machine.

#![allow(dead_code, reason = "the modules have parts that only other tests use")]

mod checked;
mod client;
mod connection;
mod conversation;
mod feed;
#[path = "reference/fields.rs"]
mod fields;
mod header;
mod line;
mod placed;
mod reference;
#[path = "reference/chunk.rs"]
mod reference_chunk;
#[path = "reference/encode.rs"]
mod reference_encode;
#[path = "../../fuzz/targets/mod.rs"]
mod targets;

#[test]
fn every_target_over_its_corpus() {
    for (name, run) in targets::TARGETS {
        run(b"");
        let corpus = format!("{}/../fuzz/corpus/{name}", env!("CARGO_MANIFEST_DIR"));
        let mut inputs = 0;
        for file in std::fs::read_dir(corpus).unwrap() {
            let path = file.unwrap().path();
            let octets = std::fs::read(&path).unwrap();
            if std::panic::catch_unwind(|| run(&octets)).is_err() {
                panic!("{name} fails on {}", path.display());
            }
            inputs += 1;
        }
        assert!(inputs >= 10, "{name} has lost its corpus");
    }
}
