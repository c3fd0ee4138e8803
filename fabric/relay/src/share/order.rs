//! In which order sanitizers are a tenant's: by rendezvous hashing, so that all who know the same sanitizers come to the
//! same order, and one more or less moves no tenant between the others. No sanitizer is first for much more than its part.

use std::collections::BTreeMap;

use ring::digest::{Context, SHA256};
use spokegate_contract::TenantId;

/// How much more than its part a sanitizer may be first for, in hundredths.
const PART_HUNDREDTHS: usize = 125;

/// The order of each tenant, and the one for all when they cannot be divided.
#[derive(Debug)]
pub(super) struct Orders {
    tenants: BTreeMap<TenantId, Vec<usize>>,
    all: Vec<usize>,
}

impl Orders {
    pub(super) fn new(urls: &[&str], tenants: &[TenantId]) -> Self {
        let mut firsts = vec![0; urls.len()];
        let room = (tenants.len() * PART_HUNDREDTHS).div_ceil(100 * urls.len().max(1));
        let mut orders = BTreeMap::new();
        for tenant in tenants {
            let mut order = by_score(urls, tenant.as_str());
            let has_room =
                |sanitizer: &usize| firsts.get(*sanitizer).is_some_and(|firsts| *firsts < room);
            let first = order.iter().position(has_room).unwrap_or_default();
            if first < order.len() {
                let first = order.remove(first);
                order.insert(0, first);
                if let Some(firsts) = firsts.get_mut(first) {
                    *firsts += 1;
                }
            }
            orders.insert(tenant.clone(), order);
        }
        Self {
            tenants: orders,
            all: by_score(urls, ""),
        }
    }

    /// The order of a tenant.
    pub(super) fn of(&self, tenant: &TenantId, undivided: bool) -> &[usize] {
        match self.tenants.get(tenant) {
            Some(order) if !undivided => order,
            _ => &self.all,
        }
    }
}

fn by_score(urls: &[&str], tenant: &str) -> Vec<usize> {
    let mut scored: Vec<_> = urls
        .iter()
        .enumerate()
        .map(|(index, url)| (score(url, tenant), index))
        .collect();
    scored.sort_unstable_by(|one, other| other.cmp(one));
    scored.into_iter().map(|(_, index)| index).collect()
}

fn score(url: &str, tenant: &str) -> Vec<u8> {
    let mut context = Context::new(&SHA256);
    context.update(url.as_bytes());
    context.update(b"\n");
    context.update(tenant.as_bytes());
    context.finish().as_ref().to_vec()
}

#[cfg(test)]
mod tests {
    use super::*;

    const URLS: [&str; 4] = ["https://a:1", "https://b:1", "https://c:1", "https://d:1"];

    fn tenants(count: usize) -> Vec<TenantId> {
        (0..count)
            .map(|n| format!("tenant-{n}").parse().unwrap())
            .collect()
    }

    #[track_caller]
    fn check(sanitizers: usize, count: usize, most: usize) {
        let tenants = tenants(count);
        let orders = Orders::new(&URLS[..sanitizers], &tenants);
        let mut firsts = vec![0; sanitizers];
        for tenant in &tenants {
            let order = orders.of(tenant, false);
            firsts[order[0]] += 1;
            let mut all = order.to_vec();
            all.sort_unstable();
            assert_eq!(
                all,
                (0..sanitizers).collect::<Vec<_>>(),
                "everybody stands in it once"
            );
        }
        assert!(
            firsts.iter().all(|firsts| *firsts <= most),
            "{firsts:?} is over {most}"
        );
    }

    #[test]
    fn no_sanitizer_is_first_for_much_more_than_its_part() {
        check(1, 6, 6);
        check(2, 6, 4);
        check(2, 1, 1);
        check(3, 6, 3);
        check(4, 1_000, 313);
    }

    #[test]
    fn the_part_of_one_that_fails_is_spread_and_the_rest_stays() {
        let tenants = tenants(1_000);
        let orders = Orders::new(&URLS, &tenants);
        let mut seconds = [0; 4];
        for tenant in &tenants {
            let order = orders.of(tenant, false);
            if order[0] == 0 {
                seconds[order[1]] += 1;
            }
        }
        assert!(seconds[1..].iter().all(|count| *count > 40), "{seconds:?}");
        assert_eq!(orders.of(&tenants[0], true), orders.of(&tenants[1], true));
    }

    #[test]
    fn the_same_sanitizers_in_another_place_make_the_same_order() {
        let tenants = tenants(50);
        let there = Orders::new(&["https://a:1", "https://b:1"], &tenants);
        let back = Orders::new(&["https://b:1", "https://a:1"], &tenants);
        for tenant in &tenants {
            let turned: Vec<_> = back
                .of(tenant, false)
                .iter()
                .map(|index| 1 - index)
                .collect();
            assert_eq!(there.of(tenant, false), turned, "{tenant}");
        }
    }
}
