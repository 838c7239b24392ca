//! Times and lengths as people say them.

use super::Screen;
use jiff::Timestamp;

/// "480 ms", "4.8 s", "12.0 min", "3.2 h".
pub(super) fn length(ms: i64) -> String {
    let tenths = |unit_ms: i64| {
        let tenths = (ms * 10 + unit_ms / 2) / unit_ms;
        format!("{}.{}", tenths / 10, tenths % 10)
    };
    match ms.max(0) {
        ms @ ..1_000 => format!("{ms} ms"),
        1_000..600_000 => format!("{} s", tenths(1_000)),
        600_000..36_000_000 => format!("{} min", tenths(60_000)),
        36_000_000.. => format!("{} h", tenths(3_600_000)),
    }
}

/// "2026-01-02 03:04:05" where the reader is.
pub(super) fn clock(screen: &Screen, ms: i64) -> String {
    let time = Timestamp::from_millisecond(ms).unwrap_or(Timestamp::UNIX_EPOCH);
    time.to_zoned(screen.zone.clone()).strftime("%Y-%m-%d %H:%M:%S").to_string()
}

#[cfg(test)]
mod tests {
    use super::length;

    #[test]
    fn lengths_read_well() {
        for (ms, expected) in [
            (-5, "0 ms"),
            (480, "480 ms"),
            (4_849, "4.8 s"),
            (599_000, "599.0 s"),
            (600_000, "10.0 min"),
            (36_000_000, "10.0 h"),
        ] {
            assert_eq!(length(ms), expected);
        }
    }
}
