//! PROXY headers as Python sees them: `ProxyDecoder` in the shape of `zlib.decompressobj`, and what it gives.

use std::net::SocketAddr;

use lonedot_core::proxy::{
    Addresses, ProxyCommand, ProxyDecoder as CoreDecoder, ProxyHeader as CoreHeader, ProxyTls as CoreTls,
    ProxyViolation, Transport, Version,
};
use pyo3::prelude::*;
use pyo3::types::PyBytes;

use crate::octets::Octets;

/// What a proxy says of its client (HAProxy's proxy-protocol.txt).
///
/// `.version`: 1 or 2. `.command`: "proxy", or "local" for a connection of the proxy's own. `.source` and `.destination`: (host,
/// port) of the client's connection to the proxy, or None where the proxy does not say; `.source_path` and `.destination_path`:
/// bytes, or None, of one over a Unix socket. `.transport`: "stream", "dgram" or None. `.alpn`, `.authority`, `.unique_id` and
/// `.tls`: bytes, str, bytes and a ProxyTls, each None where nothing is said.
#[pyclass(frozen, eq, module = "lonedot._core")]
#[derive(PartialEq)]
pub(crate) struct ProxyHeader(CoreHeader);

fn host_and_port(address: &SocketAddr) -> (String, u16) {
    (address.ip().to_string(), address.port())
}

impl ProxyHeader {
    fn inet(&self) -> Option<(&SocketAddr, &SocketAddr)> {
        match &self.0.addresses {
            Addresses::Inet { source, destination } => Some((source, destination)),
            _ => None,
        }
    }

    fn unix(&self) -> Option<(&[u8], &[u8])> {
        match &self.0.addresses {
            Addresses::Unix { source, destination } => Some((source, destination)),
            _ => None,
        }
    }
}

#[pymethods]
impl ProxyHeader {
    #[classattr]
    fn __match_args__() -> (&'static str, &'static str, &'static str) {
        ("command", "source", "destination")
    }

    #[getter]
    fn version(&self) -> u8 {
        match self.0.version {
            Version::One => 1,
            Version::Two => 2,
        }
    }

    #[getter]
    fn command(&self) -> &'static str {
        match self.0.command {
            ProxyCommand::Local => "local",
            ProxyCommand::Proxy => "proxy",
        }
    }

    #[getter]
    fn transport(&self) -> Option<&'static str> {
        self.0.transport.map(|transport| match transport {
            Transport::Stream => "stream",
            Transport::Dgram => "dgram",
        })
    }

    #[getter]
    fn source(&self) -> Option<(String, u16)> {
        self.inet().map(|(source, _)| host_and_port(source))
    }

    #[getter]
    fn destination(&self) -> Option<(String, u16)> {
        self.inet().map(|(_, destination)| host_and_port(destination))
    }

    #[getter]
    fn source_path<'py>(&self, py: Python<'py>) -> Option<Bound<'py, PyBytes>> {
        self.unix().map(|(source, _)| PyBytes::new(py, source))
    }

    #[getter]
    fn destination_path<'py>(&self, py: Python<'py>) -> Option<Bound<'py, PyBytes>> {
        self.unix().map(|(_, destination)| PyBytes::new(py, destination))
    }

    #[getter]
    fn alpn<'py>(&self, py: Python<'py>) -> Option<Bound<'py, PyBytes>> {
        self.0.alpn.as_ref().map(|alpn| PyBytes::new(py, alpn))
    }

    #[getter]
    fn authority(&self) -> Option<&str> {
        self.0.authority.as_deref()
    }

    #[getter]
    fn unique_id<'py>(&self, py: Python<'py>) -> Option<Bound<'py, PyBytes>> {
        self.0.unique_id.as_ref().map(|unique_id| PyBytes::new(py, unique_id))
    }

    #[getter]
    fn tls(&self) -> Option<ProxyTls> {
        self.0.tls.clone().map(ProxyTls)
    }

    fn __repr__(&self) -> String {
        let from = match &self.0.addresses {
            Addresses::Inet { source, .. } => format!(" from {source}"),
            Addresses::Unix { .. } => " from a Unix socket".to_owned(),
            Addresses::Unspecified => String::new(),
        };
        format!("<ProxyHeader {}{from}>", self.command())
    }
}

/// What a proxy says of its client's TLS.
///
/// `.version` and `.cipher`: str, or None. `.common_name` of the client's certificate: str, or None; worth believing only when
/// `.client_verified`, which tells that there was a certificate and the proxy found it valid.
#[pyclass(frozen, eq, module = "lonedot._core")]
#[derive(PartialEq)]
pub(crate) struct ProxyTls(CoreTls);

#[pymethods]
impl ProxyTls {
    #[getter]
    fn version(&self) -> Option<&str> {
        self.0.version.as_deref()
    }

    #[getter]
    fn cipher(&self) -> Option<&str> {
        self.0.cipher.as_deref()
    }

    #[getter]
    fn common_name(&self) -> Option<&str> {
        self.0.common_name.as_deref()
    }

    #[getter]
    fn client_verified(&self) -> bool {
        self.0.client_verified
    }

    fn __repr__(&self) -> String {
        format!("<ProxyTls {} {}>", self.version().unwrap_or("?"), self.cipher().unwrap_or("?"))
    }
}

/// What is wrong with a PROXY header: `.name`, stable, such as "checksum"; `.offset`, octets before the one at fault; `.text`, in
/// one line, for a log. The connection is to be closed without a word.
#[pyclass(frozen, eq, module = "lonedot._core")]
#[derive(PartialEq)]
pub(crate) struct ProxyFault(ProxyViolation);

#[pymethods]
impl ProxyFault {
    #[classattr]
    fn __match_args__() -> (&'static str, &'static str) {
        ("name", "offset")
    }

    #[getter]
    fn name(&self) -> &'static str {
        self.0.fault.name()
    }

    #[getter]
    fn offset(&self) -> usize {
        self.0.offset
    }

    #[getter]
    fn text(&self) -> String {
        self.0.to_string()
    }

    fn __repr__(&self) -> String {
        format!("<ProxyFault {}: {}>", self.name(), self.text())
    }
}

/// The decoder of what a proxy sends before its client's first octet, in the shape of `zlib.decompressobj`. One for each
/// connection, and only for those that come from a proxy you trust: anybody can write such a header.
#[pyclass(module = "lonedot._core")]
pub(crate) struct ProxyDecoder {
    decoder: CoreDecoder,
    unused_data: Vec<u8>,
}

#[pymethods]
impl ProxyDecoder {
    #[new]
    fn new() -> Self {
        Self { decoder: CoreDecoder::new(), unused_data: Vec::new() }
    }

    /// Takes the next octets. Returns the ProxyHeader once it is whole, and None before; None for ever when `fault` says why.
    /// Keeps 4096 octets at most.
    fn decode(&mut self, chunk: Octets<'_>) -> Option<ProxyHeader> {
        let taken = self.decoder.decode(&chunk);
        if self.decoder.header().is_some() {
            self.unused_data.extend_from_slice(&chunk[taken..]);
        }
        self.decoder.header().cloned().map(ProxyHeader)
    }

    /// True once the header is whole.
    #[getter]
    fn eof(&self) -> bool {
        self.decoder.header().is_some()
    }

    /// All octets after the header so far: the client's.
    #[getter]
    fn unused_data<'py>(&self, py: Python<'py>) -> Bound<'py, PyBytes> {
        PyBytes::new(py, &self.unused_data)
    }

    /// None, or the ProxyFault: what came is no header, whatever follows.
    #[getter]
    fn fault(&self) -> Option<ProxyFault> {
        self.decoder.violation().map(ProxyFault)
    }
}
