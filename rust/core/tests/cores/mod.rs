//! Work that is shared out to all cores.

use std::sync::atomic::{AtomicUsize, Ordering};

/// Does so many pieces of work on all cores.
pub(crate) fn on_all_cores(pieces: usize, work: impl Fn(usize) + Sync) {
    let next = AtomicUsize::new(0);
    std::thread::scope(|scope| {
        for _ in 0..std::thread::available_parallelism().map_or(1, usize::from) {
            scope.spawn(|| {
                while let Some(piece) = Some(next.fetch_add(1, Ordering::Relaxed)).filter(|&piece| piece < pieces) {
                    work(piece);
                }
            });
        }
    });
}
