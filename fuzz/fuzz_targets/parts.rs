#![no_main]
libfuzzer_sys::fuzz_target!(|input: &[u8]| sds_smtp_fuzz::parts::run(input));
