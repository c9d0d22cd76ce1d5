//! A disk that fails when it is told to, under SQLite and the standard library alike.
//!
//! The calls by which either writes, flushes, cuts, reads and renames files are defined here, in the test's own program, so that the
//! linker takes them instead of the C library's. They ask the system itself, but for the call of a [`Plan`]. Beside that a [`Disk`] keeps
//! what a power cut would leave: a file's pages as of its last good flush. A flush that fails loses what it was to flush for good, as
//! Linux does it: the pages count as clean, and a second flush that succeeds does not bring them.
//!
//! Only files below a disk's directory are meant; everything else passes.
#![expect(unsafe_code, reason = "stands in for functions of the C library")]

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::{CStr, OsStr};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use libc::{c_char, c_int, c_void, off_t, size_t, ssize_t};

/// What the kernel writes back at once.
const PAGE: usize = 4096;

/// A kind of call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Call {
    Write,
    Sync,
    Truncate,
    Read,
    Rename,
}

/// How a call fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum How {
    /// At once, with this error.
    Error(c_int),
    /// Having written or read half.
    Half,
    /// Having written half, with an I/O error.
    Torn,
}

/// Which call fails, and how.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Plan {
    pub(crate) call: Call,
    pub(crate) how: How,
    /// Which of its kind, counted from one.
    pub(crate) at: u64,
    /// Whether every later one of its kind fails as well.
    pub(crate) lasting: bool,
}

/// A directory whose files are on a disk that may fail.
pub(crate) struct Disk(PathBuf);

#[derive(Default)]
struct Kept {
    plan: Option<Plan>,
    calls: BTreeMap<Call, u64>,
    struck: u64,
    files: BTreeMap<PathBuf, Image>,
}

/// A file as a power cut would leave it.
#[derive(Default)]
struct Image {
    durable: Vec<u8>,
    dirty: BTreeSet<usize>,
}

static DISKS: Mutex<BTreeMap<PathBuf, Kept>> = Mutex::new(BTreeMap::new());
static COUNT: AtomicUsize = AtomicUsize::new(0);

fn disks() -> MutexGuard<'static, BTreeMap<PathBuf, Kept>> {
    DISKS.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Disk {
    /// Watches a directory from now on.
    pub(crate) fn new(directory: &Path) -> Self {
        let directory = directory.canonicalize().expect("a directory");
        disks().insert(directory.clone(), Kept::default());
        COUNT.fetch_add(1, Ordering::SeqCst);
        Self(directory)
    }

    fn with<T>(&self, deed: impl FnOnce(&mut Kept) -> T) -> T {
        deed(disks().get_mut(&self.0).expect("it is there until it is dropped"))
    }

    /// Has calls counted anew, and one fail.
    pub(crate) fn arm(&self, plan: Option<Plan>) {
        self.with(|kept| {
            kept.calls.clear();
            kept.plan = plan;
        });
    }

    /// How many calls of a kind there were since.
    pub(crate) fn calls(&self, call: Call) -> u64 {
        self.with(|kept| kept.calls.get(&call).copied().unwrap_or(0))
    }

    /// How many calls have failed.
    pub(crate) fn struck(&self) -> u64 {
        self.with(|kept| kept.struck)
    }

    /// The files as a power cut would leave them now.
    pub(crate) fn after_a_power_cut(&self) -> Vec<(PathBuf, Vec<u8>)> {
        self.with(|kept| {
            let files = kept.files.iter();
            files.map(|(path, image)| (path.clone(), image.durable.clone())).collect()
        })
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        disks().remove(&self.0);
        COUNT.fetch_sub(1, Ordering::SeqCst);
    }
}

/// What happens to a call.
enum Fate {
    Passes,
    Fails(c_int),
    Half { then: Option<c_int> },
}

/// Judges a call on a file; `None` when it lies on no disk of ours.
fn judge(path: &Path, call: Call) -> Option<Fate> {
    let mut disks = disks();
    let (_, kept) = disks.iter_mut().find(|(under, _)| path.starts_with(under))?;
    let count = kept.calls.entry(call).or_default();
    *count += 1;
    let Some(plan) = kept.plan.filter(|plan| plan.call == call) else {
        return Some(Fate::Passes);
    };
    if *count != plan.at && !(plan.lasting && *count > plan.at) {
        return Some(Fate::Passes);
    }
    kept.struck += 1;
    Some(match plan.how {
        How::Error(errno) => Fate::Fails(errno),
        How::Half => Fate::Half { then: None },
        How::Torn => Fate::Half { then: Some(libc::EIO) },
    })
}

/// Where an open file lies, if any of it matters.
fn path_of(fd: c_int) -> Option<PathBuf> {
    if COUNT.load(Ordering::SeqCst) == 0 {
        return None;
    }
    let mut link = *b"/proc/self/fd/\0\0\0\0\0\0\0\0\0\0\0";
    let digits = fd.to_string();
    link[14..14 + digits.len()].copy_from_slice(digits.as_bytes());
    let mut path = [0_u8; 512];
    // SAFETY: the link ends with a zero, and the buffer is as long as is said.
    let length = unsafe { libc::readlink(link.as_ptr().cast(), path.as_mut_ptr().cast(), path.len()) };
    let path = path.get(..usize::try_from(length).ok()?)?;
    Some(OsStr::from_bytes(path).into())
}

fn with_image(path: &Path, deed: impl FnOnce(&mut Image)) {
    let mut disks = disks();
    if let Some((_, kept)) = disks.iter_mut().find(|(under, _)| path.starts_with(under)) {
        deed(kept.files.entry(path.to_owned()).or_default());
    }
}

fn fail(errno: c_int) -> ssize_t {
    // SAFETY: the C library's place of this thread's error.
    unsafe { *libc::__errno_location() = errno };
    -1
}

/// Half of a call, but never nothing.
const fn half(bytes: size_t) -> size_t {
    if bytes < 2 { bytes } else { bytes / 2 }
}

/// Writes as the plan wants it, and notes the pages that are no longer as on the disk.
fn write_at(fd: c_int, bytes: size_t, at: impl Fn() -> off_t, real: impl Fn(size_t) -> ssize_t) -> ssize_t {
    let Some(path) = path_of(fd) else {
        return real(bytes);
    };
    let (bytes, then) = match judge(&path, Call::Write) {
        None => return real(bytes),
        Some(Fate::Fails(errno)) => return fail(errno),
        Some(Fate::Passes) => (bytes, None),
        Some(Fate::Half { then }) => (half(bytes), then),
    };
    let first = usize::try_from(at()).unwrap_or(0);
    let written = real(bytes);
    if let Ok(written @ 1..) = usize::try_from(written) {
        with_image(&path, |image| image.dirty.extend(first / PAGE..=(first + written - 1) / PAGE));
    }
    then.map_or(written, fail)
}

fn read_some(fd: c_int, bytes: size_t, real: impl Fn(size_t) -> ssize_t) -> ssize_t {
    match path_of(fd).and_then(|path| judge(&path, Call::Read)) {
        None | Some(Fate::Passes) => real(bytes),
        Some(Fate::Fails(errno)) => fail(errno),
        Some(Fate::Half { .. }) => real(half(bytes)),
    }
}

/// What was flushed is as it is now.
fn flushed(fd: c_int, image: &mut Image) {
    // SAFETY: a structure of numbers, which the call fills.
    let mut facts: libc::stat = unsafe { std::mem::zeroed() };
    // SAFETY: the structure is ours.
    unsafe { libc::fstat(fd, &raw mut facts) };
    image.durable.resize(usize::try_from(facts.st_size).unwrap_or(0), 0);
    for page in std::mem::take(&mut image.dirty) {
        let start = page * PAGE;
        let end = image.durable.len().min(start + PAGE);
        if let Some(into) = image.durable.get_mut(start..end) {
            let at = start as off_t;
            // SAFETY: the buffer is as long as is said.
            unsafe { libc::syscall(libc::SYS_pread64, fd, into.as_mut_ptr(), into.len(), at) };
        }
    }
}

#[unsafe(no_mangle)]
extern "C" fn pwrite64(fd: c_int, from: *const c_void, bytes: size_t, at: off_t) -> ssize_t {
    // SAFETY: the caller's promise to the C library.
    let real = |bytes: size_t| unsafe { libc::syscall(libc::SYS_pwrite64, fd, from, bytes, at) as ssize_t };
    write_at(fd, bytes, || at, real)
}

#[unsafe(no_mangle)]
extern "C" fn write(fd: c_int, from: *const c_void, bytes: size_t) -> ssize_t {
    // SAFETY: only asks where the file stands.
    let at = || unsafe { libc::syscall(libc::SYS_lseek, fd, 0, libc::SEEK_CUR) };
    // SAFETY: the caller's promise to the C library.
    let real = |bytes: size_t| unsafe { libc::syscall(libc::SYS_write, fd, from, bytes) as ssize_t };
    write_at(fd, bytes, at, real)
}

#[unsafe(no_mangle)]
extern "C" fn pread64(fd: c_int, into: *mut c_void, bytes: size_t, at: off_t) -> ssize_t {
    // SAFETY: the caller's promise to the C library.
    read_some(fd, bytes, |bytes| unsafe { libc::syscall(libc::SYS_pread64, fd, into, bytes, at) as ssize_t })
}

#[unsafe(no_mangle)]
extern "C" fn read(fd: c_int, into: *mut c_void, bytes: size_t) -> ssize_t {
    // SAFETY: the caller's promise to the C library.
    read_some(fd, bytes, |bytes| unsafe { libc::syscall(libc::SYS_read, fd, into, bytes) as ssize_t })
}

#[unsafe(no_mangle)]
extern "C" fn fsync(fd: c_int) -> c_int {
    // The files need not be flushed in truth: nobody cuts the power of the machine that tests.
    let Some(path) = path_of(fd) else {
        return 0;
    };
    match judge(&path, Call::Sync) {
        None => 0,
        Some(Fate::Passes) => {
            with_image(&path, |image| flushed(fd, image));
            0
        }
        Some(Fate::Fails(_) | Fate::Half { .. }) => {
            with_image(&path, |image| image.dirty.clear());
            fail(libc::EIO) as c_int
        }
    }
}

#[unsafe(no_mangle)]
extern "C" fn ftruncate64(fd: c_int, length: off_t) -> c_int {
    match path_of(fd).and_then(|path| judge(&path, Call::Truncate)) {
        None | Some(Fate::Passes) => {
            // SAFETY: the caller's promise to the C library.
            unsafe { libc::syscall(libc::SYS_ftruncate, fd, length) as c_int }
        }
        Some(Fate::Fails(errno)) => fail(errno) as c_int,
        Some(Fate::Half { .. }) => fail(libc::EIO) as c_int,
    }
}

#[unsafe(no_mangle)]
extern "C" fn rename(from: *const c_char, to: *const c_char) -> c_int {
    // SAFETY: the caller's promise to the C library.
    let path = |name| PathBuf::from(OsStr::from_bytes(unsafe { CStr::from_ptr(name) }.to_bytes()));
    match judge(&path(from), Call::Rename) {
        None | Some(Fate::Passes) => {
            let (cwd, flags) = (libc::AT_FDCWD, 0);
            // SAFETY: the caller's promise to the C library.
            unsafe { libc::syscall(libc::SYS_renameat2, cwd, from, cwd, to, flags) as c_int }
        }
        Some(Fate::Fails(_) | Fate::Half { .. }) => fail(libc::EIO) as c_int,
    }
}
