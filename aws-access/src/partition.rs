//! AWS's own addresses: each partition has domains of its own.
//!
//! Source: the partitions' metadata that the AWS SDKs come with (`dnsSuffix` and
//! `dualStackDnsSuffix`).

/// First letters of the regions, the domain of their services, and that of the addresses that
/// speak IPv6 as well.
const OTHERS: [(&str, &str, &str); 6] = [
    ("cn-", "amazonaws.com.cn", "api.amazonwebservices.com.cn"),
    ("eusc-", "amazonaws.eu", "api.amazonwebservices.eu"),
    ("us-iso-", "c2s.ic.gov", "api.aws.ic.gov"),
    ("us-isob-", "sc2s.sgov.gov", "api.aws.scloud"),
    ("us-isof-", "csp.hci.ic.gov", "api.aws.hci.ic.gov"),
    ("eu-isoe-", "cloud.adc-e.uk", "api.cloud-aws.adc-e.uk"),
];

/// The domain of a region's services, such as `amazonaws.com`.
#[must_use]
pub fn domain(region: &str) -> &'static str {
    other(region).map_or("amazonaws.com", |(_, domain, _)| domain)
}

/// The domain of a region's addresses for IPv4 and IPv6, such as `api.aws`.
#[must_use]
pub fn dual_stack_domain(region: &str) -> &'static str {
    other(region).map_or("api.aws", |(_, _, domain)| domain)
}

fn other(region: &str) -> Option<&'static (&'static str, &'static str, &'static str)> {
    OTHERS.iter().find(|(first, ..)| region.starts_with(first))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_partition_has_its_own_domains() {
        for (region, plain, dual) in [
            ("eu-west-1", "amazonaws.com", "api.aws"),
            ("us-gov-west-1", "amazonaws.com", "api.aws"),
            ("cn-north-1", "amazonaws.com.cn", "api.amazonwebservices.com.cn"),
            ("us-iso-east-1", "c2s.ic.gov", "api.aws.ic.gov"),
            ("us-isob-east-1", "sc2s.sgov.gov", "api.aws.scloud"),
            ("eusc-de-east-1", "amazonaws.eu", "api.amazonwebservices.eu"),
        ] {
            assert_eq!((domain(region), dual_stack_domain(region)), (plain, dual), "{region}");
        }
    }
}
