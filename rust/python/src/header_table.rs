//! The table of the header check as Python sees it, for whoever has to explain a finding that is not there.

use lonedot_core::header::Finding;
use pyo3::prelude::*;

use crate::reply::Reply;

/// What the table says of one kind of finding.
///
/// `.code`, `.severity`, `.section`, `.text`, `.help` as a `HeaderFinding` has them; `.reply` the Reply of a receiver that refuses a message
/// for it, without a place. `.wrong` and `.right`: a message that has it, and the same without, with CRLF line ends; each character stands for
/// the octet of its number, `{x*990}` for 990 x.
#[pyclass(frozen, eq, module = "lonedot._core")]
#[derive(PartialEq)]
pub(crate) struct HeaderRow(Finding);

#[pymethods]
impl HeaderRow {
    #[getter]
    fn code(&self) -> &'static str {
        self.0.row().name
    }

    #[getter]
    fn severity(&self) -> &'static str {
        self.0.row().severity.name()
    }

    #[getter]
    fn section(&self) -> &'static str {
        self.0.row().section
    }

    #[getter]
    fn text(&self) -> &'static str {
        self.0.row().text
    }

    #[getter]
    fn help(&self) -> &'static str {
        self.0.row().help
    }

    #[getter]
    fn reply(&self) -> Reply {
        Reply(self.0.row().reply())
    }

    #[getter]
    fn wrong(&self) -> &'static str {
        self.0.row().wrong
    }

    #[getter]
    fn right(&self) -> &'static str {
        self.0.row().right
    }

    fn __repr__(&self) -> String {
        format!("<HeaderRow {}>", self.code())
    }
}

/// Every row, in the order of docs/findings.md.
#[pyfunction]
pub(crate) fn header_table() -> Vec<HeaderRow> {
    Finding::ALL.iter().copied().map(HeaderRow).collect()
}
