//! Option values as text: "64KiB", "true", "buffered". Parsing says what would have been acceptable.

/// Parses `true`/`false`, also `1`/`0`, `yes`/`no`, `on`/`off`.
pub fn parse_bool(text: &str) -> Result<bool, String> {
    match text {
        "true" | "1" | "yes" | "on" => Ok(true),
        "false" | "0" | "no" | "off" => Ok(false),
        _ => Err("true or false".to_owned()),
    }
}

/// Parses a whole number between `min` and `max`.
pub fn parse_number(text: &str, min: u64, max: u64) -> Result<u64, String> {
    match text.parse::<u64>() {
        Ok(n) if (min..=max).contains(&n) => Ok(n),
        _ => Err(format!("a whole number from {min} to {max}")),
    }
}

/// Parses a size: a number of bytes, or with a unit, as in `64KiB`, `256MiB`, `1GiB`.
pub fn parse_size(text: &str, min: u64, max: u64) -> Result<u64, String> {
    let expected = || format!("a size from {} to {}, such as 64KiB, 256MiB or a number of bytes", size(min), size(max));
    let digits = text.trim_end_matches(|c: char| !c.is_ascii_digit());
    let unit = match text[digits.len()..].trim() {
        "" | "B" => 1,
        "KiB" | "K" | "k" => 1 << 10,
        "MiB" | "M" | "m" => 1 << 20,
        "GiB" | "G" | "g" => 1 << 30,
        _ => return Err(expected()),
    };
    let bytes = digits.parse::<u64>().ok().and_then(|n| n.checked_mul(unit));
    bytes.filter(|n| (min..=max).contains(n)).ok_or_else(expected)
}

/// Writes a size so that [`parse_size`] reads it back: in the largest unit that leaves a whole number.
pub fn size(bytes: u64) -> String {
    for (unit, name) in [(1u64 << 30, "GiB"), (1 << 20, "MiB"), (1 << 10, "KiB")] {
        if bytes != 0 && bytes.is_multiple_of(unit) {
            return format!("{}{name}", bytes / unit);
        }
    }
    bytes.to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_round_trip() {
        for bytes in [0, 1, 1023, 1024, 1536, 64 << 10, 256 << 20, 3 << 30] {
            assert_eq!(parse_size(&size(bytes), 0, u64::MAX), Ok(bytes));
        }
        assert_eq!(parse_size("64 KiB", 0, u64::MAX), Ok(65536));
        assert!(parse_size("64KB", 0, u64::MAX).is_err());
        assert!(parse_size("99999999999GiB", 0, u64::MAX).is_err());
        assert!(parse_size("", 0, u64::MAX).is_err());
    }
}
