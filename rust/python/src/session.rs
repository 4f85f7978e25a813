//! `Session` as Python sees it: the core's, with events as objects.

use lonedot_core::session::{AbortReason, Event, Misuse, Session as CoreSession};
use pyo3::exceptions::{PyRuntimeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyList, PyTuple};

use crate::command::{self, Mail, Rcpt};
use crate::event;
use crate::octets::{Octets, ReadBuffer};
use crate::reply::Reply;
use crate::settings::Settings;

fn misuse(misuse: &Misuse) -> PyErr {
    match misuse {
        Misuse::NothingOwed | Misuse::NotPerRecipient | Misuse::NoHandshake | Misuse::NoMailData => {
            PyRuntimeError::new_err(misuse.to_string())
        }
        Misuse::WrongCode { .. } | Misuse::NoSuchRecipient(_) => PyValueError::new_err(misuse.to_string()),
    }
}

/// `Session(settings, greeting=None, tls=False)`: the server side of one connection, without a socket or a clock (RFC 5321 section 3).
///
/// `greeting`: a Reply in place of the usual 220; a negative one refuses everything but QUIT, a 421 closes. `tls`: the connection began
/// with a handshake.
#[pyclass(subclass, module = "lonedot._core")]
pub(crate) struct Session(CoreSession);

#[pymethods]
impl Session {
    #[new]
    #[pyo3(signature = (settings, greeting=None, tls=false))]
    fn new(settings: &Settings, greeting: Option<&Reply>, tls: bool) -> Self {
        let make = if tls { CoreSession::over_tls } else { CoreSession::new };
        Self(make(settings.0.clone(), greeting.map(|reply| &reply.0)))
    }

    /// Interprets octets from the client and returns the events in them. Never raises because of what they are; what it
    /// retains while a reply is owed is bounded.
    fn receive_data<'py>(&mut self, py: Python<'py>, data: Octets<'py>) -> PyResult<Bound<'py, PyList>> {
        let mut events = Vec::new();
        self.0.receive_data(&data, &mut events);
        event::to_python(py, events)
    }

    /// As receive_data, with the first `length` octets of a ReadBuffer. Raises ValueError when it holds fewer.
    fn receive_from<'py>(
        &mut self,
        py: Python<'py>,
        buffer: &ReadBuffer,
        length: usize,
    ) -> PyResult<Bound<'py, PyList>> {
        let mut events: Vec<Event> = Vec::new();
        buffer.with_octets(py, length, |octets| self.0.receive_data(octets, &mut events))?;
        event::to_python(py, events)
    }

    /// The client has closed its side; returns the events that follow. What it sent before is interpreted first.
    fn receive_eof<'py>(&mut self, py: Python<'py>) -> PyResult<Bound<'py, PyList>> {
        let mut events = Vec::new();
        self.0.receive_eof(&mut events);
        event::to_python(py, events)
    }

    /// Answers the waiting event and goes on with what was retained; returns the events in that. None answers what the
    /// session would by itself: it accepts. Raises RuntimeError when nothing waits, ValueError when the code does not fit.
    #[pyo3(signature = (reply))]
    fn reply<'py>(&mut self, py: Python<'py>, reply: Option<&Reply>) -> PyResult<Bound<'py, PyList>> {
        let mut events = Vec::new();
        self.0.reply(reply.map(|reply| &reply.0), &mut events).map_err(|error| misuse(&error))?;
        event::to_python(py, events)
    }

    /// Answers the end of mail data for one recipient of LMTP, by its place among those accepted, in any order; replies are
    /// sent in order (RFC 2033 section 4.2). Raises as reply().
    fn reply_recipient<'py>(&mut self, py: Python<'py>, index: i64, reply: &Reply) -> PyResult<Bound<'py, PyList>> {
        let mut events = Vec::new();
        // No recipient has an index that is no usize: the core says so.
        let index = usize::try_from(index).unwrap_or(usize::MAX);
        self.0.reply_recipient(index, reply.0.clone(), &mut events).map_err(|error| misuse(&error))?;
        event::to_python(py, events)
    }

    /// Ends the session from outside and returns the events of that. `reason`: "eof", "reset", "timeout" or "shutdown"; the
    /// latter two queue a 421. Raises ValueError for any other.
    fn abort<'py>(&mut self, py: Python<'py>, reason: &str) -> PyResult<Bound<'py, PyList>> {
        let reason =
            AbortReason::by_name(reason).filter(|reason| *reason != AbortReason::Violation).ok_or_else(|| {
                PyValueError::new_err(format!("reason takes 'eof', 'reset', 'timeout' or 'shutdown', not {reason:?}"))
            })?;
        let mut events = Vec::new();
        self.0.abort(reason, &mut events);
        event::to_python(py, events)
    }

    /// TLS has started, after the event StartTls: the session is what it was after the greeting and knows nothing of what was said
    /// before (RFC 3207 section 4.2). Raises RuntimeError when no handshake was begun.
    fn tls_started(&mut self) -> PyResult<()> {
        self.0.tls_started().map_err(|error| misuse(&error))
    }

    /// Nobody wants more of the mail data under way: no more of it comes as events, and its octets count against `Limits.drain` from
    /// here on. Its end, and those of its chunks, are asked about all the same. Raises RuntimeError when none is under way.
    fn discard_mail_data(&mut self) -> PyResult<()> {
        self.0.discard_mail_data().map_err(|error| misuse(&error))
    }

    /// Takes the octets to send.
    fn data_to_send<'py>(&mut self, py: Python<'py>) -> Bound<'py, PyBytes> {
        PyBytes::new(py, &self.0.data_to_send())
    }

    /// Whether a reply is owed: stop reading until it is given.
    #[getter]
    fn paused(&self) -> bool {
        self.0.paused()
    }

    /// Whether input is retained because 64 KiB of replies wait to be sent, as only a flood of commands makes them: send them,
    /// then go on with `receive_data(b"")`.
    #[getter]
    fn retaining(&self) -> bool {
        self.0.retaining()
    }

    /// Whether the session has ended.
    #[getter]
    fn closed(&self) -> bool {
        self.0.closed()
    }

    /// Whether the next octets are mail data, not commands.
    #[getter]
    fn in_mail_data(&self) -> bool {
        self.0.in_mail_data()
    }

    /// Whether the client was told to begin a handshake: what it sends is dropped until `tls_started()`.
    #[getter]
    fn in_handshake(&self) -> bool {
        self.0.in_handshake()
    }

    /// Whether octets are encrypted.
    #[getter]
    fn tls(&self) -> bool {
        self.0.tls()
    }

    /// Whether AUTH was answered 235.
    #[getter]
    fn authenticated(&self) -> bool {
        self.0.authenticated()
    }

    /// Where the client did not wait for a reply it had to wait for (RFC 2920 section 3.1): of "talked-before-hello-reply",
    /// "talked-before-354", "talked-before-handshake" and "talked-before-challenge".
    #[getter]
    fn talk<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyTuple>> {
        PyTuple::new(py, self.0.talk().names().collect::<Vec<_>>())
    }

    /// The Ehlo, Helo or Lhlo the client said, or None.
    #[getter]
    fn hello<'py>(&self, py: Python<'py>) -> PyResult<Option<Bound<'py, PyAny>>> {
        self.0.hello().map(|hello| command::to_python(py, hello.clone())).transpose()
    }

    /// The Mail of the open transaction, or None.
    #[getter]
    fn mail(&self) -> Option<Mail> {
        self.0.mail().cloned().map(Mail::from)
    }

    /// The accepted Rcpts of the open transaction, in order.
    #[getter]
    fn rcpts<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyTuple>> {
        let rcpts: Vec<_> = self.0.rcpts().iter().cloned().map(Rcpt::from).collect();
        PyTuple::new(py, rcpts)
    }
}
