//! The broker's cells by tenant.

use std::collections::HashMap;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex};

use spokegate_contract::TenantId;

use super::{Cell, Depths, Sizes};
use crate::lock;
use crate::policy::Session;

/// All cells of the broker.
#[derive(Debug)]
pub(crate) struct Cells {
    sizes: Sizes,
    tenants_max: usize,
    inner: Mutex<Inner>,
}

#[derive(Debug)]
struct Inner {
    made: usize,
    strands: Strands,
    open: Option<Arc<Cell>>,
    tenants: HashMap<TenantId, Arc<Cell>>,
}

/// How many cells are on each strand.
#[derive(Debug)]
struct Strands(Vec<usize>);

impl Strands {
    /// The strand for one more cell: the one with the fewest.
    fn take(&mut self) -> usize {
        let counts = self.0.iter_mut().enumerate();
        match counts.min_by_key(|(_, cells)| **cells) {
            Some((number, cells)) => {
                *cells += 1;
                number
            }
            None => 0,
        }
    }
}

/// There are as many cells as there may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("no more tenants fit")]
pub(crate) struct Full;

impl Cells {
    /// No cells yet; they will be spread over so many strands.
    pub(crate) fn new(sizes: Sizes, tenants_max: usize, strands: usize) -> Self {
        Self {
            sizes,
            tenants_max,
            inner: Mutex::new(Inner {
                made: 0,
                strands: Strands(vec![0; strands]),
                open: None,
                tenants: HashMap::new(),
            }),
        }
    }

    /// The cell that this session belongs to, made or made anew if need be. No other code looks cells up.
    pub(crate) fn of(&self, session: &Session) -> Result<Arc<Cell>, Full> {
        let mut guard = lock(&self.inner);
        let Inner {
            made,
            strands,
            open,
            tenants,
        } = &mut *guard;
        let current = match session.tenant() {
            None => open.as_ref(),
            Some(tenant) => tenants.get(tenant),
        };
        if let Some(cell) = current.filter(|cell| !cell.dead.load(Ordering::SeqCst)) {
            return Ok(Arc::clone(cell));
        }
        if current.is_none() && tenants.len() >= self.tenants_max {
            return Err(Full);
        }
        *made += 1;
        // A cell that is made anew stays where it was: sessions may be on their way there.
        let strand = current.map_or_else(|| strands.take(), |cell| cell.strand);
        let cell = Cell::start(*made, strand, self.sizes, session.tenant());
        match session.tenant() {
            None => *open = Some(Arc::clone(&cell)),
            Some(tenant) => {
                tenants.insert(tenant.clone(), Arc::clone(&cell));
            }
        }
        Ok(cell)
    }

    /// How many tenants have a cell.
    pub(crate) fn tenants(&self) -> usize {
        lock(&self.inner).tenants.len()
    }

    /// What the queues of all tenants hold.
    pub(crate) fn depths(&self) -> Depths {
        let cells: Vec<_> = lock(&self.inner).tenants.values().cloned().collect();
        let mut depths = Depths::default();
        for cell in cells {
            cell.flows.measure(&mut depths);
        }
        depths
    }

    /// Ends one tenant's router as a bug in it would.
    #[cfg(any(test, feature = "fault-injection"))]
    pub(crate) fn kill_router(&self, tenant: &TenantId) {
        let cell = lock(&self.inner).tenants.get(tenant).cloned();
        if let Some(cell) = cell {
            cell.kill_router();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SIZES: Sizes = Sizes {
        up_bytes: 1 << 20,
        down_bytes: 1 << 20,
        links: 4,
    };

    #[test]
    fn cells_are_spread_evenly_and_one_that_is_made_anew_stays_where_it_was() {
        let cells = Cells::new(SIZES, 100, 4);
        let of = |number: usize| {
            let tenant = format!("tenant-{number}").parse().unwrap();
            cells.of(&Session::Sanitizer(tenant)).unwrap()
        };
        let mut counts = [0; 4];
        (0..10).for_each(|number| counts[of(number).strand()] += 1);
        assert_eq!(counts, [3, 3, 2, 2]);
        let old = of(5);
        assert!(Arc::ptr_eq(&old, &of(5)), "asked again, it is the same");
        assert!(old.condemn());
        let new = of(5);
        assert!(!Arc::ptr_eq(&old, &new));
        assert_eq!(new.strand(), old.strand());
        counts[of(10).strand()] += 1;
        assert_eq!(counts, [3, 3, 3, 2], "the dead one counts once");
        let open = cells.of(&Session::Open("a".to_owned())).unwrap();
        assert_eq!(open.strand(), 3, "the open cell is one like all");
    }
}
