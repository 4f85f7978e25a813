//! What `lonedot lint` asks of a mbox, many messages at a time.

use std::thread;

use lonedot_core::header::HeaderContext;
use lonedot_core::mbox;
use pyo3::exceptions::{PyRuntimeError, PyValueError};
use pyo3::prelude::*;

use crate::octets::Octets;

/// Messages for which a thread is begun: they take as long as that.
const WORTH_A_THREAD: usize = 64;

/// Where `From ` stands at the beginning of a line, from `start` on; also behind any number of `>`. The first octet is not looked at.
#[pyfunction]
pub(crate) fn from_lines(octets: Octets<'_>, start: usize) -> PyResult<Vec<usize>> {
    Ok(mbox::from_lines(&octets, start, crate::backend()?))
}

/// How many LFs there are from `start` to `end`. Raises ValueError for a place that is none.
#[pyfunction]
pub(crate) fn count_lines(octets: Octets<'_>, start: usize, end: usize) -> PyResult<usize> {
    Ok(mbox::count_lines(at(&octets, start, end)?, crate::backend()?))
}

/// Which of the messages have findings, as indices. `places`: where each begins and ends in `octets`, with LF or CRLF line ends.
/// `threads` share the work, for which the interpreter is let go. Raises ValueError for a place that is none, and for no threads.
#[pyfunction]
#[pyo3(signature = (octets, places, *, smtputf8=false, threads=1))]
pub(crate) fn with_findings(
    py: Python<'_>,
    octets: Octets<'_>,
    places: Vec<(usize, usize)>,
    smtputf8: bool,
    threads: usize,
) -> PyResult<Vec<usize>> {
    let (context, backend) = (HeaderContext { smtputf8 }, crate::backend()?);
    let messages = places.iter().map(|&(start, end)| at(&octets, start, end)).collect::<PyResult<Vec<_>>>()?;
    let most = match threads {
        0 => return Err(PyValueError::new_err("threads takes a number from 1 on, not 0")),
        threads => messages.len().div_ceil(threads).max(WORTH_A_THREAD),
    };
    let among = |first: usize, messages: &[&[u8]]| {
        let mut memory = Vec::new();
        let has_findings = |message: &[u8], memory: &mut _| mbox::has_findings(message, memory, context, backend);
        let found = (first..).zip(messages).filter(|(_, message)| has_findings(message, &mut memory));
        found.map(|(index, _)| index).collect::<Vec<_>>()
    };
    py.detach(|| {
        let mut parts = messages.chunks(most).enumerate().map(|(nth, part)| (nth * most, part));
        let Some((first, part)) = parts.next() else { return Ok(Vec::new()) };
        thread::scope(|scope| {
            let others: Vec<_> = parts.map(|(first, part)| scope.spawn(move || among(first, part))).collect();
            let mut found = among(first, part);
            for other in others {
                found.extend(other.join().map_err(|_| PyRuntimeError::new_err("a thread that checked panicked"))?);
            }
            Ok(found)
        })
    })
}

fn at(octets: &[u8], start: usize, end: usize) -> PyResult<&[u8]> {
    octets
        .get(start..end)
        .ok_or_else(|| PyValueError::new_err(format!("{start} to {end} is no place in {} octets", octets.len())))
}
