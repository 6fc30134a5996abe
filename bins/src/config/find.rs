//! Keys as people write them: in any case, and sometimes wrongly.

/// Finds `written` among `known` in any case; else the nearest one, if one is near.
pub(super) fn find_key<'a>(
    known: impl Iterator<Item = &'a str> + Clone,
    written: &str,
) -> Result<&'a str, Option<&'a str>> {
    if let Some(found) = known.clone().find(|key| key.eq_ignore_ascii_case(written)) {
        return Ok(found);
    }
    let lower = written.to_ascii_lowercase();
    let nearest = known
        .map(|key| (strsim::damerau_levenshtein(&key.to_ascii_lowercase(), &lower), key))
        .min_by_key(|(distance, _)| *distance)
        .filter(|(distance, key)| *distance <= key.len().div_ceil(3));
    Err(nearest.map(|(_, key)| key))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn case_does_not_matter_and_slips_are_recognised() {
        let known = ["Cluster", "Region", "SecurityGroup"];
        let find = |written| find_key(known.into_iter(), written);
        assert_eq!(find("cluster"), Ok("Cluster"));
        assert_eq!(find("Clutser"), Err(Some("Cluster")));
        assert_eq!(find("SecurityGrup"), Err(Some("SecurityGroup")));
        assert_eq!(find("volumes"), Err(None));
    }
}
