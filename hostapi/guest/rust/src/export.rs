use crate::Error;

/// A hook, as the export takes it: from the input to the answer.
pub type Hook = fn(&[u8]) -> Result<String, Error>;

/// How many bytes of a message the platform hears: a longer answer would count as a
/// crash.
const LONGEST: usize = 1000;

const FAILED: u64 = 1 << 31; // in the length of an answer

/// Returns an error as a hook answers it.
#[cfg_attr(not(target_arch = "wasm32"), allow(dead_code))]
pub(crate) fn failed(e: &Error) -> String {
    let mut message = e.message.as_str();
    let mut shortened = String::new();
    if message.len() > LONGEST {
        let mut n = LONGEST - '…'.len_utf8();
        while !message.is_char_boundary(n) {
            n -= 1;
        }
        shortened.push_str(&message[..n]);
        shortened.push('…');
        message = &shortened;
    }
    crate::json::object(|o| {
        o.add("kind", e.kind.name());
        o.add("message", message);
    })
}

#[cfg(target_arch = "wasm32")]
mod module {
    use super::{failed, Hook, FAILED};
    use std::ptr::addr_of_mut;

    // The buffer that inputs are written to, and the last answer: both must stay where
    // they are until the next call.
    static mut INPUT: Vec<u8> = Vec::new();
    static mut OUTPUT: String = String::new();
    static mut STARTED: bool = false;

    #[export_name = "trellis_alloc"]
    extern "C" fn alloc(n: u32) -> u32 {
        if n > 1 << 30 {
            return 0;
        }
        // SAFETY: a module has one thread, and no hook runs while the platform asks for room.
        unsafe {
            if !STARTED {
                STARTED = true;
                std::panic::set_hook(Box::new(|info| crate::log(crate::Level::Error, &info.to_string())));
            }
            let input = &mut *addr_of_mut!(INPUT);
            if input.len() < n as usize || input.is_empty() {
                *input = Vec::new(); // what it held is not wanted any more
                *input = vec![0; (n as usize).max(1024)];
            }
            input.as_mut_ptr() as u32
        }
    }

    /// Runs a hook with its input and hands over the answer.
    pub fn answered(at: u32, len: u32, hook: Hook) -> u64 {
        // SAFETY: the platform has written len bytes there, into the room that alloc gave.
        let input = unsafe { std::slice::from_raw_parts(at as *const u8, len as usize) };
        let (answer, bit) = match hook(input) {
            Ok(answer) => (answer, 0),
            Err(e) => (failed(&e), FAILED),
        };
        // SAFETY: a module has one thread, and nobody holds the answer before.
        let output = unsafe {
            let output = &mut *addr_of_mut!(OUTPUT);
            *output = answer;
            &*output
        };
        (output.as_ptr() as u64) << 32 | bit | output.len() as u64
    }
}

#[cfg(target_arch = "wasm32")]
pub use module::answered;

/// Exports are for the platform; natively there is none to call them.
#[cfg(not(target_arch = "wasm32"))]
pub fn answered(_: u32, _: u32, _: Hook) -> u64 {
    FAILED
}

#[cfg(test)]
mod tests {
    use super::{failed, LONGEST};
    use crate::{Error, Kind};

    #[test]
    fn long_messages_are_cut() {
        for (message, want) in [("é".repeat(600), 999), ("x".repeat(1001), 1000), ("x".repeat(LONGEST), LONGEST)] {
            let got = failed(&Error::new(Kind::Invalid, message));
            let heard = crate::json::Document::parse(got.as_bytes()).unwrap().root().get("message").text().unwrap().len();
            assert!(heard <= want && heard > LONGEST - 5, "{heard} bytes, want {want}");
        }
    }
}
