//! A library without std that serves MCP, as far as it gets without memory.
#![no_std]

extern crate alloc;

use core::alloc::{GlobalAlloc, Layout};

use mcp_proto::{Config, Endpoint, Input, Instant, ServerInfo, Session};

struct NoMemory;

// SAFETY: it never hands out memory.
unsafe impl GlobalAlloc for NoMemory {
    unsafe fn alloc(&self, _: Layout) -> *mut u8 {
        core::ptr::null_mut()
    }

    unsafe fn dealloc(&self, _: *mut u8, _: Layout) {}
}

#[global_allocator]
static ALLOCATOR: NoMemory = NoMemory;

#[panic_handler]
fn panic(_: &core::panic::PanicInfo<'_>) -> ! {
    loop {}
}

/// Hands bytes to a session.
#[unsafe(no_mangle)]
pub extern "C" fn serve() -> usize {
    let now = Instant::from_micros(0).into();
    let endpoint = Endpoint::new("/mcp", ServerInfo::new("no-std", "1.0.0")).ok();
    let mut session = Session::new(alloc::sync::Arc::new(Config::new(endpoint)), now);
    session.handle(now, Input::Bytes(b"GET /mcp HTTP/1.1\r\n\r\n"));
    session.transmit().len()
}
