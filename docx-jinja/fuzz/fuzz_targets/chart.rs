#![no_main]
libfuzzer_sys::fuzz_target!(|bytes: &[u8]| docx_jinja_fuzz::chart(bytes));
