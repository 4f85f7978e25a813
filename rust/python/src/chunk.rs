//! Chunks as Python sees them: `ChunkDecoder` in the shape of `zlib.decompressobj`.

use lonedot_core::data::ChunkDecoder as CoreDecoder;
use pyo3::exceptions::{PyOverflowError, PyRuntimeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::PyBytes;

use crate::data::{DataReport, decoded, limit, limit_or_none, mail_data_error, policies};
use crate::octets::Octets;
use crate::violation::Violation;

/// A chunk-size. RFC 3030 does not bound it: 1*DIGIT.
fn chunk_size(size: &Bound<'_, PyAny>) -> PyResult<u64> {
    let wrong = || PyValueError::new_err(format!("size takes 0 to 2**63 - 1 octets, not {size}"));
    match size.extract::<i64>() {
        Ok(size) => u64::try_from(size).map_err(|_| wrong()),
        Err(error) if error.is_instance_of::<PyOverflowError>(size.py()) => Err(wrong()),
        Err(error) => Err(error),
    }
}

/// The decoder of one message that comes in chunks, in the shape of `zlib.decompressobj` (RFC 3030 section 2).
///
/// `size`: octets of the first chunk, as BDAT says; `last`: whether BDAT says LAST. No octet of a chunk is interpreted: there is
/// no transparency and no end to find. The policies are DataDecoder's and hold for the message, over all its chunks; left as
/// they are, all is kept, as BODY=BINARYMIME (section 3) demands. With `long_line="keep"`, `max_line` is what the report's
/// `long_lines` counts past. Raises ValueError for a size under 0 or over 2**63 - 1 and for any other policy.
#[pyclass(module = "lonedot._core")]
pub(crate) struct ChunkDecoder {
    decoder: CoreDecoder,
    consumed: usize,
    unused_data: Vec<u8>,
}

#[pymethods]
impl ChunkDecoder {
    #[new]
    #[pyo3(signature = (size, last=true, *, max_size=None, max_line=1000, long_line="keep", bare_cr="keep",
        bare_lf="keep", nul="keep", line_ends="crlf"))]
    #[allow(clippy::too_many_arguments)] // keyword arguments of Python's
    fn new(
        size: &Bound<'_, PyAny>,
        last: bool,
        #[pyo3(from_py_with = limit_or_none)] max_size: Option<i64>,
        #[pyo3(from_py_with = limit)] max_line: i64,
        long_line: &str,
        bare_cr: &str,
        bare_lf: &str,
        nul: &str,
        line_ends: &str,
    ) -> PyResult<Self> {
        let policies = policies(max_size, max_line, long_line, bare_cr, bare_lf, nul, line_ends)?;
        let decoder = CoreDecoder::with_backend(chunk_size(size)?, last, policies, crate::backend()?);
        Ok(Self { decoder, consumed: 0, unused_data: Vec::new() })
    }

    /// Decodes the next octets and returns the mail data in them: the very object, where all of it is the chunk's and mail data
    /// as it stands. b"" after the chunk's end and after a violation. A CR is held until the next octet tells what it is, over
    /// the end of a chunk that is not the last too. Hand in little more than the chunk's octets: all that follows is copied.
    fn decode<'py>(&mut self, py: Python<'py>, octets: Octets<'py>) -> PyResult<Bound<'py, PyBytes>> {
        decoded(py, &mut self.decoder, octets, &mut self.consumed, &mut self.unused_data)
    }

    /// Begins the next chunk of the message, whose octets may be in unused_data, which is then b"" again. Call decode() after
    /// it at least once, with b"" if need be, even where size is 0: a CR that was held may come out. Raises RuntimeError before
    /// the end of a chunk and after the last one.
    #[pyo3(signature = (size, last=true))]
    fn next_chunk(&mut self, size: &Bound<'_, PyAny>, last: bool) -> PyResult<()> {
        let size = chunk_size(size)?;
        self.decoder.next_chunk(size, last).map_err(|misuse| PyRuntimeError::new_err(misuse.to_string()))?;
        self.consumed = 0;
        self.unused_data = Vec::new();
        Ok(())
    }

    /// True once all octets of the chunk have come: at once, when it has none.
    #[getter]
    fn eof(&self) -> bool {
        self.decoder.eof()
    }

    /// How many of the octets of the last decode() are the chunk's; `octets[consumed:]` follow it.
    #[getter]
    fn consumed(&self) -> usize {
        self.consumed
    }

    /// All octets after the chunk so far.
    #[getter]
    fn unused_data<'py>(&self, py: Python<'py>) -> Bound<'py, PyBytes> {
        PyBytes::new(py, &self.unused_data)
    }

    /// The message's DataReport so far; complete at the end of its last chunk. Offsets count octets of all chunks.
    #[getter]
    fn report(&self) -> DataReport {
        self.decoder.report().into()
    }

    /// None, or the message's first Violation of the policies.
    #[getter]
    fn violation(&self) -> Option<Violation> {
        self.decoder.violation().map(Violation)
    }

    /// The DataReport of a message that is whole. Raises MailDataError when a policy was violated, when octets are missing, and
    /// when the last chunk never began, or was not decoded: "unfinished-chunks", at the offset where the octets end.
    fn finish(&self, py: Python<'_>) -> PyResult<DataReport> {
        let report = self.decoder.report();
        self.decoder.finish().map(DataReport::from).map_err(|violation| mail_data_error(py, violation, Some(report)))
    }
}
