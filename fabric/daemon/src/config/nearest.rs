//! "Did you mean": the known word nearest to a misspelt one.

/// Shorter words are the beginning of too much.
const PREFIX_BYTES_MIN: usize = 3;

/// The candidate that starts with the word, or the one with the fewest edits, if those are at
/// most a third of the word.
pub(super) fn nearest<'a>(
    word: &str,
    candidates: impl IntoIterator<Item = &'a str>,
) -> Option<&'a str> {
    let edits_max = (word.chars().count() / 3).max(1);
    let begins = |candidate: &str| word.len() >= PREFIX_BYTES_MIN && candidate.starts_with(word);
    candidates
        .into_iter()
        .map(|candidate| {
            (
                if begins(candidate) {
                    0
                } else {
                    distance(word, candidate)
                },
                candidate,
            )
        })
        .filter(|(edits, _)| *edits <= edits_max)
        .min()
        .map(|(_, candidate)| candidate)
}

/// Levenshtein's distance, with the swap of two neighbours counted as one edit.
fn distance(left: &str, right: &str) -> usize {
    let (left, right): (Vec<char>, Vec<char>) = (left.chars().collect(), right.chars().collect());
    let mut rows = vec![vec![0; right.len() + 1]; left.len() + 1];
    for i in 0..=left.len() {
        for j in 0..=right.len() {
            rows[i][j] = if i == 0 || j == 0 {
                i + j
            } else {
                let change = usize::from(left[i - 1] != right[j - 1]);
                let mut best = (rows[i - 1][j] + 1)
                    .min(rows[i][j - 1] + 1)
                    .min(rows[i - 1][j - 1] + change);
                if i > 1 && j > 1 && left[i - 1] == right[j - 2] && left[i - 2] == right[j - 1] {
                    best = best.min(rows[i - 2][j - 2] + 1);
                }
                best
            };
        }
    }
    rows[left.len()][right.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_near_word_is_found_and_a_far_one_is_not() {
        check("inflihgt", Some("inflight"));
        check("listne", Some("listen"));
        check("Listen", Some("listen"));
        check("tenants", Some("tenants_max"));
        check("te", None);
        check("colour", None);
        check("", None);
    }

    fn check(word: &str, expected: Option<&str>) {
        let known = ["inflight", "listen", "tenants_max"];
        assert_eq!(nearest(word, known), expected, "{word}");
    }
}
