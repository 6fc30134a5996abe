//! Sizes as people write them for ECS: `1024` or `1 vCPU`, `2048` or `2 GB`.
//!
//! The forms are those of `cpu` and `memory` in "Amazon ECS task definition parameters for Fargate".

/// CPU in units of 1/1024 vCPU; `None` if the text is no such size.
pub(super) fn cpu(text: &str) -> Option<u32> {
    sized(text, &[("vcpu", 1024)])
}

/// Memory in MiB; `None` if the text is no such size.
pub(super) fn memory(text: &str) -> Option<u32> {
    sized(text, &[("gib", 1024), ("gb", 1024), ("mib", 1), ("mb", 1)])
}

/// Such as `0.5 vCPU`.
pub(super) fn show_cpu(units: u32) -> String {
    format!("{} vCPU", f64::from(units) / 1024.0)
}

/// Such as `3 GB` or `512 MB`.
pub(super) fn show_memory(mib: u32) -> String {
    match mib % 1024 {
        0 => format!("{} GB", mib / 1024),
        _ => format!("{mib} MB"),
    }
}

/// A number without a unit counts as it is; a part of one of the smallest unit is rounded up.
fn sized(text: &str, units: &[(&str, u64)]) -> Option<u32> {
    let text = text.trim().to_ascii_lowercase();
    let unit = units.iter().find_map(|(unit, factor)| Some((text.strip_suffix(unit)?, *factor)));
    let amount = match unit {
        Some((number, factor)) => decimal(number.trim(), factor)?,
        None => digits(&text)?,
    };
    u32::try_from(amount).ok().filter(|amount| *amount > 0)
}

/// `text` times `factor`, rounded up.
fn decimal(text: &str, factor: u64) -> Option<u64> {
    let (whole, part) = text.split_once('.').unwrap_or((text, "0"));
    let whole = if whole.is_empty() { 0 } else { digits(whole)? };
    let scale = 10_u64.pow(u32::try_from(part.len()).ok().filter(|length| *length <= 6)?);
    Some(whole * factor + (digits(part)? * factor).div_ceil(scale))
}

/// Nine digits are more than any size has.
fn digits(text: &str) -> Option<u64> {
    let good = (1..=9).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit());
    if good { text.parse().ok() } else { None }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_read_as_ecs_reads_them() {
        for (text, units) in [
            ("1024", 1024),
            ("1 vCPU", 1024),
            (".5 vCPU", 512),
            ("0.25vcpu", 256),
            (" 16 VCPU ", 16_384),
            ("0.3 vCPU", 308),
        ] {
            assert_eq!(cpu(text), Some(units), "{text}");
        }
        for (text, mib) in [
            ("2048", 2048),
            ("2 GB", 2048),
            ("2GB", 2048),
            ("512 MB", 512),
            ("0.5 gb", 512),
            ("1GiB", 1024),
        ] {
            assert_eq!(memory(text), Some(mib), "{text}");
        }
    }

    #[test]
    fn anything_else_is_no_size() {
        for bad in [
            "",
            "lots",
            "0",
            "-1",
            "+1",
            "1e3",
            "1.5",
            "1 GB",
            "0 vCPU",
            "vCPU",
            ". vCPU",
            "1,5 vCPU",
            "1 vCPUs",
            "9999999999",
            "999999999 vCPU",
            "0.0000001 vCPU",
            "1.2.3 vCPU",
            "١ vCPU",
        ] {
            assert_eq!(cpu(bad), None, "{bad:?}");
        }
        for bad in ["", "2 vCPU", "2 TB", "GB", "-2 GB", "0 MB", "1.5", "0x10"] {
            assert_eq!(memory(bad), None, "{bad:?}");
        }
    }

    #[test]
    fn sizes_are_shown_as_people_say_them() {
        assert_eq!((show_cpu(512), show_cpu(2048)), ("0.5 vCPU".to_owned(), "2 vCPU".to_owned()));
        assert_eq!((show_memory(3072), show_memory(512)), ("3 GB".to_owned(), "512 MB".to_owned()));
    }
}
