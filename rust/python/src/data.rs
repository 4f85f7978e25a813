//! Mail data as Python sees it: `DataDecoder` in the shape of `zlib.decompressobj`, `DataEncoder`, and both in one shot.

use lonedot_core::data::{
    BarePolicy, ChunkDecoder, DataDecoder as CoreDecoder, DataEncoder as CoreEncoder, DataPolicies,
    DataReport as CoreReport, KeepPolicy, LineEnds, Room,
};
use lonedot_core::scan::Backend;
use lonedot_core::{Fault, Violation as CoreViolation};
use pyo3::exceptions::{PyOverflowError, PyRuntimeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::PyBytes;

use crate::octets::{Octets, bytes_filled, bytes_grown};
use crate::violation::{MailDataError, Violation};

pub(crate) fn bare_policy(name: &str, what: &str) -> PyResult<BarePolicy> {
    match name {
        "reject" => Ok(BarePolicy::Reject),
        "keep" => Ok(BarePolicy::Keep),
        "normalize" => Ok(BarePolicy::Normalize),
        _ => Err(PyValueError::new_err(format!("{what} takes 'reject', 'keep' or 'normalize', not '{name}'"))),
    }
}

pub(crate) fn keep_policy(name: &str, what: &str) -> PyResult<KeepPolicy> {
    match name {
        "reject" => Ok(KeepPolicy::Reject),
        "keep" => Ok(KeepPolicy::Keep),
        _ => Err(PyValueError::new_err(format!("{what} takes 'reject' or 'keep', not '{name}'"))),
    }
}

pub(crate) fn line_ends(name: &str) -> PyResult<LineEnds> {
    match name {
        "crlf" => Ok(LineEnds::Crlf),
        "lf" => Ok(LineEnds::Lf),
        _ => Err(PyValueError::new_err(format!("line_ends takes 'crlf' or 'lf', not '{name}'"))),
    }
}

/// The class and its way from the core, from one list: a number added in the core and forgotten here does not compile.
macro_rules! report {
    ($(#[$doc:meta])* $($field:ident: $kind:ty,)+) => {
        $(#[$doc])*
        #[pyclass(frozen, eq, get_all, module = "lonedot._core")]
        #[derive(PartialEq, Eq)]
        pub(crate) struct DataReport {
            $($field: $kind,)+
        }

        impl From<&DataReport> for CoreReport {
            fn from(report: &DataReport) -> Self {
                Self { $($field: report.$field,)+ }
            }
        }

        impl From<CoreReport> for DataReport {
            fn from(report: CoreReport) -> Self {
                let CoreReport { $($field,)+ } = report;
                Self { $($field,)+ }
            }
        }
    };
}

report! {
    /// What was seen in mail data, whether or not it was handed out.
    ///
    /// `size`, `lines`, `longest_line`, `long_lines`, `dots_removed`, `bare_cr`, `bare_lf`, `nul`, `eight_bit` count; `size` and
    /// `longest_line` in octets of mail data, the last CRLF included, transparency dots and terminator not (RFC 1870, RFC 5321
    /// section 4.5.3.1.6). `first_long_line`, `first_bare_cr`, `first_bare_lf`, `first_nul`, `first_eight_bit` are offsets in
    /// octets of the wire, or None. `header_end`: octets of mail data before the first empty line, or None.
    size: u64,
    lines: u64,
    longest_line: u64,
    long_lines: u64,
    dots_removed: u64,
    bare_cr: u64,
    bare_lf: u64,
    nul: u64,
    eight_bit: u64,
    first_long_line: Option<u64>,
    first_bare_cr: Option<u64>,
    first_bare_lf: Option<u64>,
    first_nul: Option<u64>,
    first_eight_bit: Option<u64>,
    header_end: Option<u64>,
}

#[pymethods]
impl DataReport {
    fn __repr__(&self) -> String {
        format!("<DataReport size={} lines={} longest_line={}>", self.size, self.lines, self.longest_line)
    }
}

/// A limit, in octets. One that is larger than any number of octets limits nothing.
pub(crate) fn limit(number: &Bound<'_, PyAny>) -> PyResult<i64> {
    match number.extract::<i64>() {
        Err(error) if error.is_instance_of::<PyOverflowError>(number.py()) => {
            Ok(if number.lt(0)? { i64::MIN } else { i64::MAX })
        }
        extracted => extracted,
    }
}

/// The same, or None.
pub(crate) fn limit_or_none(number: &Bound<'_, PyAny>) -> PyResult<Option<i64>> {
    if number.is_none() { Ok(None) } else { limit(number).map(Some) }
}

#[allow(clippy::too_many_arguments)] // keyword arguments of Python's
pub(crate) fn policies(
    max_size: Option<i64>,
    max_line: i64,
    long_line: &str,
    bare_cr: &str,
    bare_lf: &str,
    nul: &str,
    line_ends: &str,
) -> PyResult<DataPolicies> {
    let octets = |number: i64, least: u64, what: &str| match u64::try_from(number) {
        Ok(number) if number >= least => Ok(number),
        _ => Err(PyValueError::new_err(format!("{what} takes at least {least} octets, not {number}"))),
    };
    Ok(DataPolicies {
        max_size: max_size.map_or(Ok(u64::MAX), |number| octets(number, 0, "max_size"))?,
        max_line: octets(max_line, 1, "max_line")?,
        long_line: keep_policy(long_line, "long_line")?,
        bare_cr: bare_policy(bare_cr, "bare_cr")?,
        bare_lf: bare_policy(bare_lf, "bare_lf")?,
        nul: keep_policy(nul, "nul")?,
        line_ends: self::line_ends(line_ends)?,
    })
}

pub(crate) fn mail_data_error(py: Python<'_>, violation: CoreViolation, report: Option<CoreReport>) -> PyErr {
    let error = MailDataError::new_err(violation.text());
    let value = error.value(py);
    let filled = value
        .setattr("violation", Violation(violation))
        .and_then(|()| value.setattr("report", report.map(DataReport::from)));
    filled.err().unwrap_or(error)
}

/// What the decoders do alike.
pub(crate) trait Decode {
    fn decode_in_place(&mut self, octets: &[u8]) -> usize;
    fn decode_into(&mut self, octets: &[u8], room: &mut Room<'_>) -> usize;
    fn room_for(&self, octets: usize) -> usize;
}

macro_rules! decode {
    ($($decoder:ty),+) => {$(
        impl Decode for $decoder {
            fn decode_in_place(&mut self, octets: &[u8]) -> usize {
                self.decode_in_place(octets)
            }
            fn decode_into(&mut self, octets: &[u8], room: &mut Room<'_>) -> usize {
                self.decode_into(octets, room)
            }
            fn room_for(&self, octets: usize) -> usize {
                self.room_for(octets)
            }
        }
    )+};
}

decode!(CoreDecoder, ChunkDecoder);

/// The mail data in the octets. Says how many of them were the decoder's, and appends the others to `unused_data`.
pub(crate) fn decoded<'py>(
    py: Python<'py>,
    decoder: &mut (impl Decode + Clone),
    octets: Octets<'py>,
    consumed: &mut usize,
    unused_data: &mut Vec<u8>,
) -> PyResult<Bound<'py, PyBytes>> {
    let before = decoder.clone();
    let in_place = decoder.decode_in_place(&octets);
    *consumed = in_place;
    // No octets too may bring some: a CR that was held, in a last chunk that has none.
    if in_place > 0 && in_place == octets.len() {
        return Ok(octets.into_bytes());
    }
    let rest = &octets[in_place..];
    let mail_data = bytes_filled(py, in_place + decoder.room_for(rest.len()), |room| {
        room.push(&octets[..in_place]);
        *consumed += decoder.decode_into(rest, room);
    });
    let mail_data = mail_data.inspect_err(|_| {
        // No memory: as if nothing had come, so that it can come again.
        (*decoder, *consumed) = (before, 0);
    })?;
    unused_data.extend_from_slice(&octets[*consumed..]);
    Ok(mail_data)
}

/// The decoder of one message's mail data, in the shape of `zlib.decompressobj` (RFC 5321 sections 4.1.1.4 and 4.5.2).
///
/// `max_size`: octets of mail data, None for no limit. `max_line`: octets of a line with its CRLF, without the transparency
/// dot. `long_line`, `nul`: "reject" or "keep". `bare_cr`, `bare_lf`: "reject", "keep" or "normalize" (a space, a CRLF).
/// `line_ends`: "crlf", or "lf" to hand out LF line ends. Raises ValueError for any other value.
#[pyclass(module = "lonedot._core")]
pub(crate) struct DataDecoder {
    decoder: CoreDecoder,
    consumed: usize,
    unused_data: Vec<u8>,
}

#[pymethods]
impl DataDecoder {
    #[new]
    #[pyo3(signature = (max_size=None, max_line=1000, long_line="reject", bare_cr="reject", bare_lf="reject", nul="reject",
        line_ends="crlf"))]
    fn new(
        #[pyo3(from_py_with = limit_or_none)] max_size: Option<i64>,
        #[pyo3(from_py_with = limit)] max_line: i64,
        long_line: &str,
        bare_cr: &str,
        bare_lf: &str,
        nul: &str,
        line_ends: &str,
    ) -> PyResult<Self> {
        let policies = policies(max_size, max_line, long_line, bare_cr, bare_lf, nul, line_ends)?;
        let decoder = CoreDecoder::with_backend(policies, crate::backend()?);
        Ok(Self { decoder, consumed: 0, unused_data: Vec::new() })
    }

    /// Decodes the next octets and returns the mail data in them: the very object, where all of it is mail data as it stands.
    /// b"" is normal, and the rule after the end and after a violation.
    fn decode<'py>(&mut self, py: Python<'py>, chunk: Octets<'py>) -> PyResult<Bound<'py, PyBytes>> {
        decoded(py, &mut self.decoder, chunk, &mut self.consumed, &mut self.unused_data)
    }

    /// True once `<CRLF>.<CRLF>` has been seen.
    #[getter]
    fn eof(&self) -> bool {
        self.decoder.eof()
    }

    /// Octets of the last chunk up to and with the end; `chunk[consumed:]` follows it.
    #[getter]
    fn consumed(&self) -> usize {
        self.consumed
    }

    /// All octets after the end so far.
    #[getter]
    fn unused_data<'py>(&self, py: Python<'py>) -> Bound<'py, PyBytes> {
        PyBytes::new(py, &self.unused_data)
    }

    /// The DataReport so far; complete at the end.
    #[getter]
    fn report(&self) -> DataReport {
        self.decoder.report().into()
    }

    /// None, or the first Violation of the policies.
    #[getter]
    fn violation(&self) -> Option<Violation> {
        self.decoder.violation().map(Violation)
    }

    /// The DataReport of mail data that is whole. Raises MailDataError when the end was not seen or a policy was violated.
    fn finish(&self, py: Python<'_>) -> PyResult<DataReport> {
        let report = self.decoder.report();
        self.decoder.finish().map(DataReport::from).map_err(|violation| mail_data_error(py, violation, Some(report)))
    }
}

/// Decodes mail data that came whole, its end included, with the keywords of DataDecoder. Raises MailDataError on a
/// violation, on a missing end, and on octets after it.
#[pyfunction]
#[pyo3(signature = (wire, *, max_size=None, max_line=1000, long_line="reject", bare_cr="reject", bare_lf="reject",
    nul="reject", line_ends="crlf"))]
#[allow(clippy::too_many_arguments)] // keyword arguments of Python's
pub(crate) fn decode_data<'py>(
    py: Python<'py>,
    wire: Octets<'py>,
    #[pyo3(from_py_with = limit_or_none)] max_size: Option<i64>,
    #[pyo3(from_py_with = limit)] max_line: i64,
    long_line: &str,
    bare_cr: &str,
    bare_lf: &str,
    nul: &str,
    line_ends: &str,
) -> PyResult<Bound<'py, PyBytes>> {
    let policies = policies(max_size, max_line, long_line, bare_cr, bare_lf, nul, line_ends)?;
    let mut decoder = CoreDecoder::with_backend(policies, crate::backend()?);
    let mut consumed = 0;
    let mail_data = bytes_filled(py, decoder.room_for(wire.len()), |room| consumed = decoder.decode_into(&wire, room))?;
    let finished = decoder.finish().and_then(|_| {
        if consumed == wire.len() { Ok(()) } else { Err(CoreViolation::new(Fault::OctetsAfterEnd, consumed as u64)) }
    });
    finished.map_err(|violation| mail_data_error(py, violation, Some(decoder.report())))?;
    Ok(mail_data)
}

/// The sending side of transparency (RFC 5321 section 4.5.2).
///
/// `bare_cr`, `bare_lf`: "reject" or "normalize" (a space, a CRLF). Raises ValueError for any other value: what is kept here
/// may end the mail data for somebody else.
#[pyclass(module = "lonedot._core")]
pub(crate) struct DataEncoder {
    encoder: CoreEncoder,
    ended: Option<&'static str>,
}

impl DataEncoder {
    fn make(bare_cr: &str, bare_lf: &str) -> PyResult<CoreEncoder> {
        let policy = |name: &str, what: &str| match name {
            "reject" => Ok(BarePolicy::Reject),
            "normalize" => Ok(BarePolicy::Normalize),
            "keep" => Err(PyValueError::new_err(format!(
                "{what} of an encoder takes 'reject' or 'normalize', not 'keep': what is sent bare may be an end to others"
            ))),
            _ => {
                Err(PyValueError::new_err(format!("{what} of an encoder takes 'reject' or 'normalize', not '{name}'")))
            }
        };
        let (bare_cr, bare_lf) = (policy(bare_cr, "bare_cr")?, policy(bare_lf, "bare_lf")?);
        CoreEncoder::with_backend(bare_cr, bare_lf, crate::backend()?)
            .map_err(|_| PyValueError::new_err("an encoder takes 'reject' or 'normalize'"))
    }

    fn usable(&self) -> PyResult<()> {
        self.ended.map_or(Ok(()), |why| Err(PyRuntimeError::new_err(why)))
    }

    /// What an encoding gave. After a refusal the encoder is of no use.
    fn outcome<'py>(&mut self, py: Python<'py>, outcome: PyResult<Encoded<'py>>) -> PyResult<Bound<'py, PyBytes>> {
        let outcome = outcome.inspect_err(|_| self.ended = Some("this encoder ran out of memory; make a new one"))?;
        outcome.map_err(|violation| {
            self.ended = Some("this encoder refused its mail data; make a new one");
            mail_data_error(py, violation, None)
        })
    }
}

type Encoded<'py> = Result<Bound<'py, PyBytes>, CoreViolation>;

/// New bytes: the first `in_place` octets, which were encoded and stay as they are; what the others become; the end, if the
/// mail data is `whole`.
fn encoded<'py>(
    py: Python<'py>,
    encoder: &mut CoreEncoder,
    chunk: &[u8],
    in_place: usize,
    whole: bool,
) -> PyResult<Encoded<'py>> {
    let end = if whole { encoder.room_for(0) } else { 0 };
    let (mut at, mut violation) = (0, None);
    let bytes = bytes_grown(py, in_place + CoreEncoder::room_at_first(chunk.len() - in_place) + end, |room| {
        if at < in_place {
            room.push(&chunk[..in_place]);
            at = in_place;
        }
        let result = encoder.encode_into(&chunk[at..], room).and_then(|taken| {
            at += taken;
            match chunk.len() - at {
                0 if whole && room.left() < end => Ok(end),
                0 if whole => encoder.finish_into(room).map(|()| 0),
                0 => Ok(0),
                left => Ok(encoder.room_for(left) + end),
            }
        });
        result.unwrap_or_else(|refused| {
            violation = Some(refused);
            0
        })
    })?;
    Ok(violation.map_or(Ok(bytes), Err))
}

#[pymethods]
impl DataEncoder {
    #[new]
    #[pyo3(signature = (bare_cr="reject", bare_lf="reject"))]
    fn new(bare_cr: &str, bare_lf: &str) -> PyResult<Self> {
        Ok(Self { encoder: Self::make(bare_cr, bare_lf)?, ended: None })
    }

    /// Encodes the next octets of mail data and returns what is to be sent: the very object, where all of it goes out as it
    /// stands. Raises MailDataError for a bare CR or LF, and RuntimeError after that or after finish().
    fn encode<'py>(&mut self, py: Python<'py>, chunk: Octets<'py>) -> PyResult<Bound<'py, PyBytes>> {
        self.usable()?;
        let in_place = self.encoder.encode_in_place(&chunk);
        if in_place == chunk.len() {
            return Ok(chunk.into_bytes());
        }
        let outcome = encoded(py, &mut self.encoder, &chunk, in_place, false);
        self.outcome(py, outcome)
    }

    /// Returns the CRLF that is missing, if it is, and the terminator. Raises as encode().
    fn finish<'py>(&mut self, py: Python<'py>) -> PyResult<Bound<'py, PyBytes>> {
        self.usable()?;
        let outcome = encoded(py, &mut self.encoder, b"", 0, true);
        self.ended = Some("this encoder has finished; make a new one");
        self.outcome(py, outcome)
    }
}

/// Encodes whole mail data: doubles dots that start lines and adds ".CRLF", after a CRLF only where the data does not end in
/// one. Raises MailDataError for a bare CR or LF unless it is normalized.
#[pyfunction]
#[pyo3(signature = (mail_data, *, bare_cr="reject", bare_lf="reject"))]
pub(crate) fn encode_data<'py>(
    py: Python<'py>,
    mail_data: Octets<'py>,
    bare_cr: &str,
    bare_lf: &str,
) -> PyResult<Bound<'py, PyBytes>> {
    let mut encoder = DataEncoder::make(bare_cr, bare_lf)?;
    encoded(py, &mut encoder, &mail_data, 0, true)?.map_err(|violation| mail_data_error(py, violation, None))
}

/// The names of the kernels that can run here, best first. LONEDOT_BACKEND=name in the environment forces one.
#[pyfunction]
pub(crate) fn backends() -> Vec<&'static str> {
    Backend::available().map(Backend::name).collect()
}
