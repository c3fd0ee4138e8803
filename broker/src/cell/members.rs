//! How many sessions a cell has.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// The count and its limit.
#[derive(Debug)]
pub(super) struct Members {
    max: usize,
    count: Arc<AtomicUsize>,
}

/// A session that counts until dropped.
#[derive(Debug)]
pub(crate) struct Member(Arc<AtomicUsize>);

impl Members {
    pub(super) fn new(max: usize) -> Self {
        Self {
            max,
            count: Arc::default(),
        }
    }

    pub(super) fn enter(&self) -> Option<Member> {
        let before = self.count.fetch_add(1, Ordering::SeqCst);
        let member = Member(Arc::clone(&self.count));
        (before < self.max).then_some(member)
    }
}

impl Drop for Member {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_leaves_makes_room_and_who_is_refused_takes_none() {
        let members = Members::new(2);
        let (first, _second) = (members.enter().unwrap(), members.enter().unwrap());
        assert!(members.enter().is_none());
        assert!(members.enter().is_none());
        drop(first);
        assert!(members.enter().is_some());
    }
}
