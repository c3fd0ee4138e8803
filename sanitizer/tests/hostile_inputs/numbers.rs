//! Floats and integers.

use super::super::cbor::hex;
use super::{Attack, Expected, form};
use Expected::Accepted;

pub(crate) fn floats(all: &mut Vec<Attack>) {
    for (name, value) in [
        ("nan-half", "f97e00"),
        ("nan-half-payload", "f97e01"),
        ("nan-half-signalling", "f97d00"),
        ("nan-half-negative", "f9fe00"),
        ("nan-single", "fa7fc00000"),
        ("nan-single-signalling", "fa7fa00000"),
        ("nan-double", "fb7ff8000000000000"),
        ("nan-double-payload", "fb7ff8000000000001"),
        ("nan-double-signalling", "fb7ff0000000000001"),
        ("infinity-half", "f97c00"),
        ("infinity-half-negative", "f9fc00"),
        ("infinity-single", "fa7f800000"),
        ("infinity-single-negative", "faff800000"),
        ("infinity-double", "fb7ff0000000000000"),
        ("infinity-double-negative", "fbfff0000000000000"),
        ("zero-half", "f90000"),
        ("zero-half-negative", "f98000"),
        ("zero-single-negative", "fa80000000"),
        ("zero-double", "fb0000000000000000"),
        ("zero-double-negative", "fb8000000000000000"),
        ("whole-half", "f93c00"),
        ("whole-single", "fa3f800000"),
        ("whole-double", "fb3ff0000000000000"),
        ("whole-2^52", "fb4330000000000000"),
        ("whole-2^53", "fb4340000000000000"),
        ("whole-past-2^53", "fbc36a7d1d30ad0000"),
        ("largest-half", "f97bff"),
        ("largest-single", "fa7f7fffff"),
        ("largest-double", "fb7fefffffffffffff"),
        ("half-as-single", "fa3fc00000"),
        ("half-as-double", "fb3ff8000000000000"),
        ("single-as-double", "fb3fb99999a0000000"),
        ("subnormal-half-as-single", "fa33800000"),
        ("subnormal-half-as-double", "fb3e70000000000000"),
        ("subnormal-single-as-double", "fb36a0000000000000"),
    ] {
        all.push(Attack::item(
            format!("float/{name}"),
            hex(value),
            form("float-form"),
        ));
    }
    for (name, value) in [
        ("half", "f93e00"),
        ("half-subnormal", "f90001"),
        ("half-largest-fraction", "f963ff"),
        ("single", "fa3dcccccd"),
        ("single-subnormal", "fa00000001"),
        ("double", "fb3fb999999999999a"),
        ("double-subnormal", "fb0000000000000001"),
        ("double-largest-fraction", "fb432fffffffffffff"),
        ("double-negative", "fbbfb999999999999a"),
    ] {
        all.push(Attack::item(format!("float/{name}"), hex(value), Accepted));
    }
    for cut in ["f9", "f93e", "fa", "fa3dcc", "fb", "fb3fb99999"] {
        all.push(Attack::body_of(
            format!("float/cut-{cut}"),
            hex(cut),
            form("truncated"),
        ));
    }
}

pub(crate) fn integers(all: &mut Vec<Attack>) {
    for (name, value) in [
        ("2^53", "1b0020000000000000"),
        ("2^53+1", "1b0020000000000001"),
        ("2^63-1", "1b7fffffffffffffff"),
        ("2^63", "1b8000000000000000"),
        ("2^64-1", "1bffffffffffffffff"),
        ("-2^53", "3b001fffffffffffff"),
        ("-2^53-1", "3b0020000000000000"),
        ("-2^63", "3b7fffffffffffffff"),
        ("-2^64", "3bffffffffffffffff"),
    ] {
        all.push(Attack::item(
            format!("integer/{name}"),
            hex(value),
            form("number-range"),
        ));
    }
    for (name, value) in [
        ("2^53-1", "1b001fffffffffffff"),
        ("2^53-2", "1b001ffffffffffffe"),
        ("1-2^53", "3b001ffffffffffffe"),
        ("2-2^53", "3b001ffffffffffffd"),
        ("0", "00"),
        ("-1", "20"),
    ] {
        all.push(Attack::item(
            format!("integer/{name}"),
            hex(value),
            Accepted,
        ));
    }
}
