//! What `lonedot lint` asks of a mbox, many messages at a time.

use lonedot_core::header::HeaderContext;
use lonedot_core::mbox;
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;

use crate::octets::Octets;

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
/// Raises ValueError for a place that is none.
#[pyfunction]
#[pyo3(signature = (octets, places, *, smtputf8=false))]
pub(crate) fn with_findings(octets: Octets<'_>, places: Vec<(usize, usize)>, smtputf8: bool) -> PyResult<Vec<usize>> {
    let (context, backend) = (HeaderContext { smtputf8 }, crate::backend()?);
    let (mut found, mut memory) = (Vec::new(), Vec::new());
    for (index, &(start, end)) in places.iter().enumerate() {
        let message = at(&octets, start, end)?;
        if mbox::has_findings(message, &mut memory, context, backend) {
            found.push(index);
        }
    }
    Ok(found)
}

fn at(octets: &[u8], start: usize, end: usize) -> PyResult<&[u8]> {
    octets
        .get(start..end)
        .ok_or_else(|| PyValueError::new_err(format!("{start} to {end} is no place in {} octets", octets.len())))
}
