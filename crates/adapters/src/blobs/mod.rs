//! Blob stores: [`memory`] for tests and throw-away teams, [`files`] for everything that must last.

#[cfg(feature = "log")]
pub mod files;
pub mod memory;

use runtime::port::blobs::Digest;

/// A digest as people and file names say it: 64 lower-case hexadecimal digits.
pub fn hex(digest: &Digest) -> String {
    use std::fmt::Write;
    digest.iter().fold(String::with_capacity(64), |mut text, byte| {
        write!(text, "{byte:02x}").expect("writing to a string cannot fail");
        text
    })
}

/// The digest that 64 hexadecimal digits name.
pub fn parse(text: &str) -> Option<Digest> {
    let digits = text.as_bytes();
    let lower = |digit: &u8| matches!(digit, b'0'..=b'9' | b'a'..=b'f');
    if digits.len() != 64 || !digits.iter().all(lower) {
        return None;
    }
    let mut digest = [0; 32];
    for (byte, pair) in digest.iter_mut().zip(digits.chunks(2)) {
        *byte = u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok()?;
    }
    Some(digest)
}

/// How long a blob that nothing names is kept: the put may precede the event that names it.
pub const GRACE: std::time::Duration = std::time::Duration::from_secs(60 * 60);

/// Whether a blob put at this time may not be collected yet. One from the future was put
/// before the clock was set back: nobody knows how old it is, so it stays.
fn is_in_grace(put: std::time::SystemTime, grace: std::time::Duration) -> bool {
    put.elapsed().map_or(true, |age| age < grace)
}
