//! Where Python's memory is touched: what callers hand in, and the buffer sockets read into.
//!
//! `bytes` is borrowed, because nothing can change it; memory that Python can write is
//! copied before Rust looks at it; [`ReadBuffer`] is Rust's own memory, lent out.
#![allow(unsafe_code)]

use std::cell::UnsafeCell;
use std::ffi::{CStr, c_int, c_void};
use std::mem::MaybeUninit;
use std::ops::Deref;
use std::ptr;
use std::slice;
use std::sync::atomic::{AtomicUsize, Ordering};

use lonedot_core::data::Room;
use pyo3::exceptions::{PyBufferError, PyMemoryError, PyTypeError, PyValueError};
use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::types::PyBytes;

/// Octets a caller handed in: any C-contiguous buffer. `bytes` as they are; what Python can write, copied to new ones.
pub(crate) struct Octets<'py>(Bound<'py, PyBytes>);

impl<'py> Octets<'py> {
    /// The object that holds them.
    pub(crate) fn into_bytes(self) -> Bound<'py, PyBytes> {
        self.0
    }
}

impl Deref for Octets<'_> {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        self.0.as_bytes()
    }
}

impl<'a, 'py> FromPyObject<'a, 'py> for Octets<'py> {
    type Error = PyErr;

    fn extract(object: Borrowed<'a, 'py, PyAny>) -> PyResult<Self> {
        // Not a class made from it: what is handed back is bytes and nothing else.
        match object.cast_exact::<PyBytes>() {
            Ok(bytes) => Ok(Self(bytes.to_owned())),
            Err(_) => copied(object).map(Self),
        }
    }
}

/// The memory of any object that exports it, as bytes.
fn copied<'py>(object: Borrowed<'_, 'py, PyAny>) -> PyResult<Bound<'py, PyBytes>> {
    let py = object.py();
    let mut view = MaybeUninit::<ffi::Py_buffer>::uninit();
    // SAFETY: the object is borrowed and the interpreter ours. On success the view is filled; asked for simply, its memory
    // is `len` octets on end, whatever the items are. They are copied before it is released, once.
    unsafe {
        if ffi::PyObject_GetBuffer(object.as_ptr(), view.as_mut_ptr(), ffi::PyBUF_SIMPLE) != 0 {
            let error = PyErr::fetch(py);
            let told = error.is_instance_of::<PyBufferError>(py) || error.is_instance_of::<PyTypeError>(py);
            return Err(if told { no_octets(object) } else { error });
        }
        let bytes = ffi::PyBytes_FromStringAndSize((*view.as_ptr()).buf.cast(), (*view.as_ptr()).len);
        ffi::PyBuffer_Release(view.as_mut_ptr());
        Ok(Bound::from_owned_ptr_or_err(py, bytes)?.cast_into_unchecked())
    }
}

fn no_octets(object: Borrowed<'_, '_, PyAny>) -> PyErr {
    // SAFETY: the object is borrowed.
    if unsafe { ffi::PyObject_CheckBuffer(object.as_ptr()) } == 1 {
        return PyTypeError::new_err("octets come as a C-contiguous buffer; make a copy with bytes()");
    }
    let kind = object.get_type().name().map_or_else(|_| "this".to_owned(), |name| name.to_string());
    PyTypeError::new_err(format!("octets come as bytes, bytearray, memoryview or another buffer, not {kind}"))
}

/// New bytes, for which `fill` has room for `most` octets: written where they stay, not copied there.
pub(crate) fn bytes_filled<'py>(
    py: Python<'py>,
    most: usize,
    fill: impl FnOnce(&mut Room<'_>),
) -> PyResult<Bound<'py, PyBytes>> {
    let mut new = New::with_room(py, most)?;
    new.fill(fill);
    Ok(new.into_bytes(py))
}

/// The same, where `fill` may find that there is too little room, and tells how many octets it takes yet. It is called again
/// then, with more; zero ends it. What it wrote before is copied.
pub(crate) fn bytes_grown<'py>(
    py: Python<'py>,
    most: usize,
    mut fill: impl FnMut(&mut Room<'_>) -> usize,
) -> PyResult<Bound<'py, PyBytes>> {
    let mut new = New::with_room(py, most)?;
    let mut lacking = new.fill(&mut fill);
    while lacking > 0 {
        let mut larger = New::with_room(py, new.filled.saturating_add(lacking))?;
        lacking = larger.fill(|room| {
            room.push(new.octets());
            fill(room)
        });
        new = larger;
    }
    Ok(new.into_bytes(py))
}

/// A bytes object of which nobody else knows yet.
struct New<'py> {
    bytes: Bound<'py, PyBytes>,
    start: *mut u8,
    most: usize,
    /// How many octets are written, from the start.
    filled: usize,
}

impl<'py> New<'py> {
    fn with_room(py: Python<'py>, most: usize) -> PyResult<Self> {
        let size =
            ffi::Py_ssize_t::try_from(most).map_err(|_| PyMemoryError::new_err("too many octets for one object"))?;
        // SAFETY: without a string the object is new, its octets are not set and are the caller's to set; but for the empty
        // one, and those of one octet in some versions, which are shared. One is not filled here: see `into_bytes`.
        let bytes: Bound<'py, PyBytes> = unsafe {
            Bound::from_owned_ptr_or_err(py, ffi::PyBytes_FromStringAndSize(ptr::null(), size.max(2)))?
                .cast_into_unchecked()
        };
        // SAFETY: a bytes object; its memory is where it is as long as it lives.
        let start = unsafe { ffi::PyBytes_AsString(bytes.as_ptr()) }.cast();
        Ok(Self { bytes, start, most, filled: 0 })
    }

    /// Fills it from its start.
    fn fill<R>(&mut self, fill: impl FnOnce(&mut Room<'_>) -> R) -> R {
        // SAFETY: `most` octets of the object's memory, borrowed as long as the object is.
        let mut room = Room::new(unsafe { slice::from_raw_parts_mut(self.start.cast::<MaybeUninit<u8>>(), self.most) });
        let result = fill(&mut room);
        self.filled = room.filled_from(self.start);
        result
    }

    fn octets(&self) -> &[u8] {
        // SAFETY: the first `filled` octets are written.
        unsafe { slice::from_raw_parts(self.start, self.filled) }
    }

    fn into_bytes(self, py: Python<'py>) -> Bound<'py, PyBytes> {
        if self.filled < self.most / 4 * 3 {
            // Much of the memory would be held for nothing.
            return PyBytes::new(py, self.octets());
        }
        // SAFETY: the object is as new as above and becomes shorter than the memory it has. Behind its octets stands a zero,
        // for C; Python frees memory by where it is, not by how much. This is `Py_SET_SIZE`, which the stable ABI leaves to be
        // compiled into modules; `_PyBytes_Resize` would do the same, but is no part of it.
        unsafe {
            self.start.add(self.filled).write(0);
            (*self.bytes.as_ptr().cast::<ffi::PyVarObject>()).ob_size = self.filled as ffi::Py_ssize_t;
        }
        self.bytes
    }
}

/// Memory that a socket reads into and the session reads from, without a copy between them.
///
/// `ReadBuffer(size)` holds `size` octets. Hand it to `socket.recv_into`, or return it from
/// `asyncio.BufferedProtocol.get_buffer`, then tell `Session.receive_from` how many octets came. One serves all
/// connections of an event loop. Raises ValueError when the size is 0.
#[pyclass(frozen, module = "lonedot._core")]
pub(crate) struct ReadBuffer {
    octets: Box<[UnsafeCell<u8>]>,
    exports: AtomicUsize,
}

// SAFETY: the memory is reached only through an export, which Python's own rules for writable buffers govern, and through
// `with_octets`, which is called with the GIL held and borrows only while there is no export. An abi3 module is not loaded
// by an interpreter without a GIL; a build that were would need a lock here.
unsafe impl Sync for ReadBuffer {}

impl ReadBuffer {
    fn start(&self) -> *mut u8 {
        // An UnsafeCell<u8> is laid out as the u8 in it, and lets what is shared be written.
        self.octets.as_ptr().cast_mut().cast()
    }

    /// Gives the first `length` octets to `read`: borrowed, or copied where somebody else holds the memory.
    pub(crate) fn with_octets<R>(&self, _py: Python<'_>, length: usize, read: impl FnOnce(&[u8]) -> R) -> PyResult<R> {
        if length > self.octets.len() {
            let capacity = self.octets.len();
            return Err(PyValueError::new_err(format!("the buffer holds {capacity} octets, not {length}")));
        }
        let start = self.start().cast_const();
        if self.exports.load(Ordering::Acquire) == 0 {
            // SAFETY: within capacity, as checked. Without an export nobody can write, and none can be made while this
            // thread holds the GIL, which it does not release: `read` has no Python to run.
            return Ok(read(unsafe { std::slice::from_raw_parts(start, length) }));
        }
        let mut copy = vec![0; length];
        // SAFETY: within the memory; the copy is new. Who holds an export and writes while another thread hands the buffer
        // here answers for it, as for any writable buffer; an event loop does not, as it reads and hands over in one thread.
        unsafe { ptr::copy_nonoverlapping(start, copy.as_mut_ptr(), length) };
        Ok(read(&copy))
    }
}

#[pymethods]
impl ReadBuffer {
    #[new]
    fn new(size: usize) -> PyResult<Self> {
        if size == 0 || isize::try_from(size).is_err() {
            return Err(PyValueError::new_err("a ReadBuffer holds at least 1 octet"));
        }
        let mut octets = Vec::new();
        octets.try_reserve_exact(size).map_err(|_| PyMemoryError::new_err(format!("no memory for {size} octets")))?;
        octets.resize_with(size, || UnsafeCell::new(0));
        Ok(Self { octets: octets.into_boxed_slice(), exports: AtomicUsize::new(0) })
    }

    fn __len__(&self) -> usize {
        self.octets.len()
    }

    /// # Safety
    /// Called by the interpreter with a view to fill, or null.
    unsafe fn __getbuffer__(slf: Bound<'_, Self>, view: *mut ffi::Py_buffer, flags: c_int) -> PyResult<()> {
        const FORMAT: &CStr = c"B";
        if view.is_null() {
            return Err(PyBufferError::new_err("no view to fill"));
        }
        let this = slf.get();
        // The memory lives as long as the object, of which the view keeps a reference; it never moves or shrinks.
        let (start, length) = (this.start(), this.octets.len() as ffi::Py_ssize_t);
        let wants = |flag: c_int| flags & flag == flag;
        // SAFETY: the interpreter gave a view that is ours to fill; every field is set. `shape` and `strides` point at the
        // view's own fields, as PyBuffer_FillInfo does it.
        unsafe {
            (*view).buf = start.cast::<c_void>();
            (*view).len = length;
            (*view).readonly = 0;
            (*view).itemsize = 1;
            (*view).format = if wants(ffi::PyBUF_FORMAT) { FORMAT.as_ptr().cast_mut() } else { ptr::null_mut() };
            (*view).ndim = 1;
            (*view).shape = if wants(ffi::PyBUF_ND) { &raw mut (*view).len } else { ptr::null_mut() };
            (*view).strides = if wants(ffi::PyBUF_STRIDES) { &raw mut (*view).itemsize } else { ptr::null_mut() };
            (*view).suboffsets = ptr::null_mut();
            (*view).internal = ptr::null_mut();
            this.exports.fetch_add(1, Ordering::AcqRel);
            (*view).obj = slf.into_any().into_ptr();
        }
        Ok(())
    }

    /// # Safety
    /// Called by the interpreter with a view that `__getbuffer__` filled.
    unsafe fn __releasebuffer__(&self, _view: *mut ffi::Py_buffer) {
        self.exports.fetch_sub(1, Ordering::AcqRel);
    }
}
