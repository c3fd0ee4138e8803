//! How many chunks the centre has allowed an answer to have.

use spokegate_contract::limits::PULL_CHUNKS_MAX;

/// A cumulative allowance: late, repeated and smaller grants change nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Credit(u32);

impl Credit {
    /// What the request itself grants. The first chunk needs no more leave than the request.
    pub(crate) fn new(chunks: u32) -> Self {
        Self(chunks.clamp(1, PULL_CHUNKS_MAX))
    }

    /// Raises the allowance to `chunks` in total; answers whether that changed it.
    pub(crate) fn raise(&mut self, chunks: u32) -> bool {
        let raised = chunks.min(PULL_CHUNKS_MAX);
        let changed = raised > self.0;
        self.0 = self.0.max(raised);
        changed
    }

    /// Whether the chunk with this number, counted from 0, may go.
    pub(crate) fn covers(self, sequence: u32) -> bool {
        sequence < self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(request: u32, grants: &[u32], expected_total: u32) {
        let mut credit = Credit::new(request);
        for grant in grants {
            credit.raise(*grant);
        }
        assert!(credit.covers(expected_total - 1), "{request} {grants:?}");
        assert!(!credit.covers(expected_total), "{request} {grants:?}");
    }

    #[test]
    fn grants_are_totals() {
        check(8, &[], 8);
        check(8, &[12, 16], 16);
        check(8, &[16, 12], 16);
        check(8, &[16, 16], 16);
        check(8, &[3], 8);
        check(0, &[], 1);
        check(u32::MAX, &[], PULL_CHUNKS_MAX);
        check(8, &[u32::MAX], PULL_CHUNKS_MAX);
    }

    #[test]
    fn only_a_higher_total_is_news() {
        let mut credit = Credit::new(8);
        assert!(!credit.raise(8));
        assert!(credit.raise(9));
        assert!(!credit.raise(9));
    }
}
