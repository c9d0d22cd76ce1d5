//! How the C library keeps memory for this program.
//!
//! glibc gives every thread that asks for memory an arena of its own, up to eight for each processor, and keeps blocks of up to 32 MiB in them once
//! one of that size has been given back. A node whose requests run on any of a dozen threads then holds what each of them once took: after
//! imports, exports and polls of real data three times as much as it uses. Two numbers, told before the first other thread begins, end
//! that; docs/CONFIGURATION.md tells what they do. Other C libraries are left as they are.

/// From this size on a block is mapped by itself, and given back as soon as it is free: more than a page of objects, less than a large body.
#[cfg(all(target_os = "linux", target_env = "gnu"))]
const MAPPED_BYTES_MIN: libc::c_int = 4 * 1024 * 1024;

/// Has memory given back that is not used, unless whoever started the program has told glibc what to do.
#[cfg(all(target_os = "linux", target_env = "gnu"))]
pub(crate) fn give_back() {
    let told = ["MALLOC_ARENA_MAX", "MALLOC_MMAP_THRESHOLD_", "GLIBC_TUNABLES"];
    if told.iter().any(|name| std::env::var_os(name).is_some()) {
        return;
    }
    let processors = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let arenas = libc::c_int::try_from(processors).unwrap_or(libc::c_int::MAX).max(2);
    let settings = [
        (libc::M_ARENA_MAX, arenas),
        (libc::M_MMAP_THRESHOLD, MAPPED_BYTES_MIN),
        (libc::M_TRIM_THRESHOLD, MAPPED_BYTES_MIN),
    ];
    for (what, value) in settings {
        // What it does not take it leaves as it was.
        #[expect(
            unsafe_code,
            reason = "the C library has no other door; it takes two numbers and touches no memory of ours"
        )]
        // SAFETY: `mallopt` may be called at any time with any numbers.
        let _ = unsafe { libc::mallopt(what, value) };
    }
}

/// Nothing is known of other C libraries.
#[cfg(not(all(target_os = "linux", target_env = "gnu")))]
pub(crate) const fn give_back() {}
