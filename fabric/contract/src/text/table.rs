//! What kind each character is of. The numbers are generated; `tests.rs` compares them with the Unicode database.

mod ranges;

use ranges::{FORBIDDEN, UNSTEADY};

#[cfg(test)]
pub(super) use ranges::{FORBIDDEN as FORBIDDEN_RANGES, UNSTEADY as UNSTEADY_RANGES};

/// What a text has to mind of a character.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// Nothing.
    Steady,
    /// It may change under normalisation, or change its neighbours.
    Unsteady,
    /// It is invisible and joins its neighbours, or keeps them from joining.
    Joiner,
    /// It may not stand in a text.
    Forbidden,
}

/// Characters from here on are all forbidden: no script is past plane 3.
const END: usize = 0x4_0000;
/// Characters in a word, two bits each.
const PER_WORD: usize = 32;

/// The kinds of all characters before [`END`].
static KINDS: [u64; END / PER_WORD] = kinds();

/// The kind of a character.
#[inline]
pub(super) fn kind(c: char) -> Kind {
    let at = c as usize;
    let Some(word) = KINDS.get(at / PER_WORD) else {
        return Kind::Forbidden;
    };
    match word >> (at % PER_WORD).wrapping_mul(2) & 3 {
        0 => Kind::Steady,
        1 => Kind::Unsteady,
        2 => Kind::Joiner,
        _ => Kind::Forbidden,
    }
}

const fn kinds() -> [u64; END / PER_WORD] {
    let kinds = fill([0; END / PER_WORD], &UNSTEADY, 1);
    let kinds = fill(kinds, &FORBIDDEN, 3);
    fill(kinds, &[0x200c, 0x200e], 2)
}

/// Writes a kind over the characters from every even bound to before the odd one after it; the last range may be open.
#[expect(
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    reason = "runs in the compiler, which would stop"
)]
const fn fill(
    mut kinds: [u64; END / PER_WORD],
    bounds: &[usize],
    kind: u64,
) -> [u64; END / PER_WORD] {
    let mut pair = 0;
    while pair < bounds.len() {
        let last = pair + 1 == bounds.len();
        let end = if last { END } else { bounds[pair + 1] };
        let mut at = bounds[pair];
        while at < end && at < END {
            let shift = at % PER_WORD * 2;
            let word = &mut kinds[at / PER_WORD];
            *word = *word & !(3 << shift) | kind << shift;
            at += 1;
        }
        pair += 2;
    }
    kinds
}
