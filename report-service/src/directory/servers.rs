//! Which server to ask: the last one that answered first, dead ones not for a while. Pure; `now` is given.

/// How long a server that failed is left alone, in milliseconds.
const DOWN_MS: u64 = 30_000;
/// How long no server is asked after the service account was refused: trying on would lock that account.
const ACCOUNT_PAUSE_MS: u64 = 600_000;

/// What is known about the servers, by their position in the configuration.
#[derive(Clone, Debug)]
pub(super) struct Servers {
    down_until: Vec<u64>,
    last_good: usize,
    paused_until: u64,
}

impl Servers {
    /// `count` servers, all presumed well.
    pub(super) fn new(count: usize) -> Self {
        Self {
            down_until: vec![0; count],
            last_good: 0,
            paused_until: 0,
        }
    }

    /// The servers to try, in order. When all are down they are all tried if somebody waits (`insist`), else none.
    pub(super) fn order(&self, now_ms: u64, insist: bool) -> Vec<usize> {
        let count = self.down_until.len();
        let all = (0..count).map(|step| (self.last_good + step) % count);
        let up: Vec<usize> = all
            .clone()
            .filter(|&server| self.down_until[server] <= now_ms)
            .collect();
        if up.is_empty() && insist {
            all.collect()
        } else {
            up
        }
    }

    /// That server answered.
    pub(super) fn good(&mut self, server: usize) {
        self.last_good = server;
        self.down_until[server] = 0;
    }

    /// That server did not answer.
    pub(super) fn bad(&mut self, server: usize, now_ms: u64) {
        self.down_until[server] = now_ms.saturating_add(DOWN_MS);
    }

    /// The service account was refused.
    pub(super) fn pause(&mut self, now_ms: u64) {
        self.paused_until = now_ms.saturating_add(ACCOUNT_PAUSE_MS);
    }

    /// True while the service account must not be tried.
    pub(super) fn paused(&self, now_ms: u64) -> bool {
        now_ms < self.paused_until
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_dead_server_is_left_alone_for_half_a_minute() {
        let mut servers = Servers::new(3);
        assert_eq!(servers.order(0, true), [0, 1, 2]);
        servers.bad(0, 1_000);
        servers.good(1);
        assert_eq!(servers.order(1_000, true), [1, 2]);
        assert_eq!(servers.order(30_999, true), [1, 2]);
        assert_eq!(servers.order(31_000, true), [1, 2, 0]);
        servers.good(0);
        assert_eq!(servers.order(31_000, true), [0, 1, 2]);
    }

    #[test]
    fn when_all_are_dead_only_a_waiting_person_makes_us_try() {
        let mut servers = Servers::new(2);
        servers.bad(0, 1_000);
        servers.bad(1, 1_000);
        assert_eq!(servers.order(2_000, true), [0, 1]);
        assert!(servers.order(2_000, false).is_empty());
        assert_eq!(servers.order(40_000, false), [0, 1]);
    }

    #[test]
    fn a_refused_service_account_rests_for_ten_minutes() {
        let mut servers = Servers::new(1);
        assert!(!servers.paused(1_000));
        servers.pause(1_000);
        assert!(servers.paused(600_999));
        assert!(!servers.paused(601_000));
    }
}
