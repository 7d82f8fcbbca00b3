// A guest that crashes where a test knows it. The committed module is built, in
// this directory, by
//
//	rustc --edition 2021 --crate-type cdylib --target wasm32-unknown-unknown -O -C debuginfo=line-tables-only \
//	    -C panic=abort -C lto=fat --remap-path-prefix $PWD=. -o crash-rust.wasm crash.rs
#![no_std]

static mut ROOM: [u8; 4096] = [0; 4096];

#[panic_handler]
fn panic(_: &core::panic::PanicInfo) -> ! {
    core::arch::wasm32::unreachable() // line 12
}

#[no_mangle]
pub extern "C" fn trellis_alloc(n: u32) -> *mut u8 {
    if n <= 4096 { &raw mut ROOM as *mut u8 } else { core::ptr::null_mut() }
}

pub mod roster {
    #[inline(never)]
    pub fn first(seats: &[u8]) -> u8 {
        seats.iter().copied().max().unwrap() // line 23
    }
}

#[no_mangle]
pub extern "C" fn count(at: *const u8, len: u32) -> u64 {
    let seats = unsafe { core::slice::from_raw_parts(at, len as usize) };
    roster::first(seats) as u64 // line 30
}
