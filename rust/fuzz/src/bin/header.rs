#![no_main]

libfuzzer_sys::fuzz_target!(|octets: &[u8]| lonedot_fuzz::run("header", octets));
