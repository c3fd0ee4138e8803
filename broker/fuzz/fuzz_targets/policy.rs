//! Any topic or filter from any session: the policy decides as the oracle does, and nobody reaches another tenant.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| spokegate_broker_fuzz::policy(bytes));
