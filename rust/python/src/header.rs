//! The header check as Python sees it: `check_headers` and the `HeaderFinding`s it gives.

use lonedot_core::data::{LineEnds, with_crlf};
use lonedot_core::header::{
    HeaderContext, HeaderFinding as CoreFinding, HeaderLimits, HeaderReader as CoreReader, check,
};
use lonedot_core::scan::Backend;
use pyo3::prelude::*;

use crate::data::DataReport;
use crate::octets::Octets;
use crate::reply::Reply;

/// Something in a header section that breaks a rule, or is better done otherwise.
///
/// `.code` stable, such as "missing-date"; docs/findings.md lists them. `.severity`: "error", "warning" or "advice". `.offset` octets of
/// mail data before its place, `.length` octets that are meant, 0 where something is missing, `.line` from 1, `.field` the name
/// as it stands, or None where no field is meant. `.section` of the RFC; `.text` what is wrong, `.help` what to change. `.reply` the
/// Reply of a receiver that refuses the message for it.
#[pyclass(frozen, eq, module = "lonedot._core")]
#[derive(PartialEq)]
pub(crate) struct HeaderFinding(pub(crate) CoreFinding);

#[pymethods]
impl HeaderFinding {
    #[classattr]
    fn __match_args__() -> (&'static str, &'static str, &'static str) {
        ("code", "field", "line")
    }

    #[getter]
    fn code(&self) -> &'static str {
        self.0.finding.row().name
    }

    #[getter]
    fn severity(&self) -> &'static str {
        self.0.finding.row().severity.name()
    }

    #[getter]
    fn field(&self) -> Option<&str> {
        self.0.field.as_deref()
    }

    #[getter]
    fn offset(&self) -> u64 {
        self.0.offset
    }

    #[getter]
    fn line(&self) -> u32 {
        self.0.line
    }

    #[getter]
    fn length(&self) -> u32 {
        self.0.length
    }

    #[getter]
    fn section(&self) -> &'static str {
        self.0.finding.row().section
    }

    #[getter]
    fn text(&self) -> &'static str {
        self.0.finding.row().text
    }

    #[getter]
    fn help(&self) -> &'static str {
        self.0.finding.row().help
    }

    #[getter]
    fn reply(&self) -> Reply {
        Reply(self.0.reply())
    }

    fn __repr__(&self) -> String {
        format!("<HeaderFinding {}: {}>", self.code(), self.0.text())
    }
}

/// Reads the header section of one message while its mail data streams by.
///
/// `max_octets`, `max_fields`, `max_field`: bounds of the section, of which it holds no more than a field. `smtputf8`: fields may hold
/// UTF-8 (RFC 6532). `line_ends`: "crlf", or "lf" where the decoder has made them so; offsets count them as
/// the two octets that came. `read` takes the next octets at any split; `finish` the DataReport of the whole. `complete`: the section
/// has ended, and only the body or `finish` can show more; `done`: nothing that `read` could be given will. `findings`: those so far,
/// in order of offset, and last what the end has shown. Raises ValueError for other `line_ends`.
#[pyclass(module = "lonedot._core")]
pub(crate) struct HeaderReader {
    reader: CoreReader,
    lf: bool,
    backend: Backend,
}

#[pymethods]
impl HeaderReader {
    #[new]
    #[pyo3(signature = (*, smtputf8=false, line_ends="crlf", max_octets=262_144, max_fields=1000, max_field=65_536))]
    fn new(smtputf8: bool, line_ends: &str, max_octets: usize, max_fields: usize, max_field: usize) -> PyResult<Self> {
        let limits = HeaderLimits { max_octets, max_fields, max_field, ..HeaderLimits::default() };
        let lf = crate::data::line_ends(line_ends)? == LineEnds::Lf;
        let context = HeaderContext { smtputf8 };
        let backend = crate::backend()?;
        Ok(Self { reader: CoreReader::with_backend(limits, context, backend), lf, backend })
    }

    fn read(&mut self, octets: Octets<'_>) {
        if !self.lf || self.reader.done() {
            return self.reader.read(&octets);
        }
        // Only the header section comes here, and a body that is judged line by line.
        let mut wire = Vec::new();
        with_crlf(&octets, &mut wire, self.backend);
        self.reader.read(&wire);
    }

    fn finish(&mut self, report: &DataReport) {
        self.reader.finish(&report.into());
    }

    #[getter]
    fn complete(&self) -> bool {
        self.reader.complete()
    }

    #[getter]
    fn done(&self) -> bool {
        self.reader.done()
    }

    #[getter]
    fn findings(&self) -> Vec<HeaderFinding> {
        self.reader.findings().iter().cloned().map(HeaderFinding).collect()
    }
}

/// Checks the header section of a message that is whole: mail data with CRLF line ends, without transparency and terminator.
///
/// `smtputf8`: fields may hold UTF-8 (RFC 6532). Findings come in order of offset; what only the end of the section or of the message
/// shows comes last. Raises TypeError for what is no contiguous buffer, and nothing else, whatever the octets.
#[pyfunction]
#[pyo3(signature = (message, *, smtputf8=false))]
pub(crate) fn check_headers(message: Octets<'_>, smtputf8: bool) -> PyResult<Vec<HeaderFinding>> {
    let context = HeaderContext { smtputf8 };
    let found = check(&message, HeaderLimits::default(), context, crate::backend()?);
    Ok(found.into_iter().map(HeaderFinding).collect())
}
