//! Kubernetes quantities, such as `500m` and `8Gi`.
//!
//! The grammar is that of "Quantity" in the Kubernetes API reference.

/// More digits than any size needs, and few enough for exact arithmetic in 128 bits.
const MAX_DIGITS: usize = 15;

/// Thousandths of a CPU, rounded up; `None` if `text` is no quantity.
pub(crate) fn millicores(text: &str) -> Option<u64> {
    scaled(text, 1000)
}

/// Bytes, rounded up; `None` if `text` is no quantity.
pub(crate) fn bytes(text: &str) -> Option<u64> {
    scaled(text, 1)
}

/// `text` times `unit`, rounded up.
fn scaled(text: &str, unit: u128) -> Option<u64> {
    let number_ends =
        text.find(|char: char| !char.is_ascii_digit() && char != '.').unwrap_or(text.len());
    let (number, suffix) = text.split_at(number_ends);
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    let digits = format!("{whole}{fraction}");
    if digits.is_empty() || digits.len() > MAX_DIGITS || fraction.contains('.') {
        return None;
    }
    let (times, by) = factor(suffix)?;
    let divisor = by.checked_mul(10_u128.checked_pow(u32::try_from(fraction.len()).ok()?)?)?;
    let value = digits.parse::<u128>().ok()?.checked_mul(times)?.checked_mul(unit)?;
    u64::try_from(value.div_ceil(divisor)).ok()
}

/// What a suffix multiplies with and divides by.
fn factor(suffix: &str) -> Option<(u128, u128)> {
    Some(match suffix {
        "n" => (1, 1_000_000_000),
        "u" => (1, 1_000_000),
        "m" => (1, 1000),
        "" => (1, 1),
        "k" => (1000, 1),
        "M" => (1_000_000, 1),
        "G" => (1_000_000_000, 1),
        "T" => (1_000_000_000_000, 1),
        "P" => (1_000_000_000_000_000, 1),
        "Ki" => (1 << 10, 1),
        "Mi" => (1 << 20, 1),
        "Gi" => (1 << 30, 1),
        "Ti" => (1 << 40, 1),
        "Pi" => (1 << 50, 1),
        _ => {
            let exponent: i32 = suffix.strip_prefix(['e', 'E'])?.parse().ok()?;
            let power = 10_u128.checked_pow(exponent.unsigned_abs())?;
            if exponent < 0 { (1, power) } else { (power, 1) }
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantities_are_exact_and_rounded_up() {
        for (text, wanted) in [
            ("250m", Some(250)),
            ("1", Some(1000)),
            ("0.5", Some(500)),
            ("0.29", Some(290)),
            ("1.0001", Some(1001)),
            ("2e0", Some(2000)),
            ("16", Some(16_000)),
            ("100u", Some(1)),
        ] {
            assert_eq!(millicores(text), wanted, "{text}");
        }
        for (text, wanted) in [
            ("512Mi", Some(512 << 20)),
            ("8Gi", Some(8 << 30)),
            ("1.5Gi", Some(3 << 29)),
            ("8G", Some(8_000_000_000)),
            ("128974848", Some(128_974_848)),
            ("1e3", Some(1000)),
            ("1E3", Some(1000)),
            ("128974848000m", Some(128_974_848)),
        ] {
            assert_eq!(bytes(text), wanted, "{text}");
        }
    }

    #[test]
    fn what_is_no_quantity_is_refused() {
        for text in
            ["", ".", "Gi", "1 Gi", "1GiB", "-1", "1..5", "1.2.3", "1gb", "e3", "9999999999999999"]
        {
            assert_eq!(bytes(text), None, "{text:?}");
        }
        assert_eq!(bytes("1e40"), None);
    }
}
