//! How many requests came within a window; counted in this process, since what it holds back is load.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

/// Windows open at once; past that, those that have ended are cleared away, and then all.
const WINDOWS_MAX: usize = 16_384;

/// Counts by key.
#[derive(Debug, Default)]
pub(crate) struct Pace(Mutex<HashMap<String, Window>>);

#[derive(Clone, Copy, Debug)]
struct Window {
    end_ms: u64,
    count: u64,
}

impl Pace {
    /// Counts one; refused are those past `most` in a window, with the seconds until it ends.
    pub(crate) fn take(
        &self,
        key: &str,
        most: u64,
        window_ms: u64,
        now_ms: u64,
    ) -> Result<(), u64> {
        let mut windows = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if windows.len() >= WINDOWS_MAX && !windows.contains_key(key) {
            windows.retain(|_, window| window.end_ms > now_ms);
            if windows.len() >= WINDOWS_MAX {
                windows.clear();
            }
        }
        let fresh = Window {
            end_ms: now_ms.saturating_add(window_ms),
            count: 0,
        };
        let window = windows.entry(key.to_owned()).or_insert(fresh);
        // A clock that went back begins a window, too.
        if window.end_ms <= now_ms || window.end_ms > fresh.end_ms {
            *window = fresh;
        }
        window.count = window.count.saturating_add(1);
        if window.count <= most {
            Ok(())
        } else {
            Err((window.end_ms - now_ms).div_ceil(1_000).max(1))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn so_many_in_a_window_and_not_one_more() {
        let pace = Pace::default();
        let take = |key: &str, now_ms: u64| pace.take(key, 2, 60_000, now_ms);
        assert_eq!((take("a", 0), take("a", 59_000)), (Ok(()), Ok(())));
        assert_eq!(take("a", 59_500), Err(1));
        assert_eq!(take("b", 59_500), Ok(()), "another one is counted alone");
        assert_eq!(take("a", 60_000), Ok(()), "the next window");
        assert_eq!((take("a", 60_001), take("a", 60_002)), (Ok(()), Err(60)));
        assert_eq!(take("a", 1), Ok(()), "a clock that went back");
    }

    #[test]
    fn keys_without_end_take_no_memory_without_end() {
        let pace = Pace::default();
        for number in 0..WINDOWS_MAX * 2 {
            let _ = pace.take(&number.to_string(), 1, 60_000, 0);
        }
        assert!(pace.0.lock().unwrap().len() <= WINDOWS_MAX);
    }
}
