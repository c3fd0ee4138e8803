//! Items of CBOR, well-formed and not.

/// A head with the shortest argument.
pub(crate) fn head(major: u8, value: u64) -> Vec<u8> {
    match value {
        0..24 => vec![major << 5 | u8::try_from(value).unwrap()],
        24..0x100 => sized(major, 24, value),
        0x100..0x1_0000 => sized(major, 25, value),
        0x1_0000..0x1_0000_0000 => sized(major, 26, value),
        _ => sized(major, 27, value),
    }
}

/// A head with the argument in the width that `info` names, shortest or not.
pub(crate) fn sized(major: u8, info: u8, value: u64) -> Vec<u8> {
    let bytes = value.to_be_bytes();
    let width = 1usize << (info - 24);
    let mut out = vec![major << 5 | info];
    out.extend_from_slice(&bytes[8 - width..]);
    out
}

pub(crate) fn text(text: &str) -> Vec<u8> {
    raw_text(text.as_bytes())
}

/// Text of any bytes.
pub(crate) fn raw_text(bytes: &[u8]) -> Vec<u8> {
    [head(3, bytes.len() as u64), bytes.to_vec()].concat()
}

pub(crate) fn array(items: &[Vec<u8>]) -> Vec<u8> {
    [head(4, items.len() as u64), items.concat()].concat()
}

/// A map with its members as they are given.
pub(crate) fn map(members: &[(Vec<u8>, Vec<u8>)]) -> Vec<u8> {
    let mut out = head(5, members.len() as u64);
    for (key, value) in members {
        out.extend_from_slice(key);
        out.extend_from_slice(value);
    }
    out
}

/// As many of an item as the bytes allow, in arrays of at most `per_array` in an array.
pub(crate) fn filled(item: &[u8], bytes_max: usize, per_array: usize) -> Vec<u8> {
    let whole = per_array * item.len() + 3;
    let (full, rest) = (bytes_max / whole, bytes_max % whole);
    let mut arrays = vec![array(&vec![item.to_vec(); per_array]); full];
    if rest > item.len() + 3 {
        arrays.push(array(&vec![item.to_vec(); (rest - 3) / item.len()]));
    }
    array(&arrays)
}

/// Bytes from hexadecimal digits.
pub(crate) fn hex(digits: &str) -> Vec<u8> {
    let digits: Vec<u8> = digits.bytes().filter(|byte| *byte != b' ').collect();
    digits
        .chunks(2)
        .map(|pair| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap())
        .collect()
}
