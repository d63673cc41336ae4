//! Regions of AWS, as far as anything depends on their names.

/// Those that every account has. Each that came after March 20, 2019 has to be enabled
/// (<https://docs.aws.amazon.com/global-infrastructure/latest/regions/aws-regions.html>).
const FOR_EVERYONE: [&str; 17] = [
    "ap-northeast-1",
    "ap-northeast-2",
    "ap-northeast-3",
    "ap-south-1",
    "ap-southeast-1",
    "ap-southeast-2",
    "ca-central-1",
    "eu-central-1",
    "eu-north-1",
    "eu-west-1",
    "eu-west-2",
    "eu-west-3",
    "sa-east-1",
    "us-east-1",
    "us-east-2",
    "us-west-1",
    "us-west-2",
];

/// What the names of regions in the partition `aws` begin with; those of others have a
/// word between (`us-gov-`, `us-iso-`) or begin otherwise (`cn-`, `eusc-`).
const AREAS: [&str; 10] = ["af", "ap", "ca", "eu", "il", "me", "mx", "sa", "us", "nz"];

/// What the regions of each partition begin with (`partitions.json` of AWS's SDKs); all
/// others are in `aws`.
const PARTITIONS: [(&str, &str); 7] = [
    ("cn-", "aws-cn"),
    ("us-gov-", "aws-us-gov"),
    ("eusc-", "aws-eusc"),
    ("us-iso-", "aws-iso"),
    ("us-isob-", "aws-iso-b"),
    ("eu-isoe-", "aws-iso-e"),
    ("us-isof-", "aws-iso-f"),
];

/// The partition of a region, as ARNs have it.
#[must_use]
pub fn partition(region: &str) -> &'static str {
    let found = PARTITIONS.iter().find(|(begins, _)| region.starts_with(begins));
    found.map_or("aws", |(_, partition)| partition)
}

/// Whether an account has to enable the region before any of its credentials are known
/// there.
#[must_use]
pub fn is_opt_in(region: &str) -> bool {
    let parts: Vec<_> = region.split('-').collect();
    let [area, place, number] = parts[..] else {
        return false;
    };
    AREAS.contains(&area)
        && !place.is_empty()
        && place.bytes().all(|b| b.is_ascii_lowercase())
        && number.parse::<u8>().is_ok()
        && !FOR_EVERYONE.contains(&region)
}

#[cfg(test)]
mod tests {
    use super::{is_opt_in, partition};

    #[test]
    fn a_region_is_of_one_partition() {
        for (region, of) in [
            ("eu-west-1", "aws"),
            ("us-east-1", "aws"),
            ("*", "aws"),
            ("cn-northwest-1", "aws-cn"),
            ("us-gov-east-1", "aws-us-gov"),
            ("eusc-de-east-1", "aws-eusc"),
            ("us-iso-west-1", "aws-iso"),
            ("us-isob-east-1", "aws-iso-b"),
            ("eu-isoe-west-1", "aws-iso-e"),
            ("us-isof-south-1", "aws-iso-f"),
        ] {
            assert_eq!(partition(region), of, "{region}");
        }
    }

    #[test]
    fn a_region_is_for_everyone_or_has_to_be_enabled() {
        for region in ["af-south-1", "eu-south-2", "me-central-1", "ap-southeast-7", "mx-central-1"]
        {
            assert!(is_opt_in(region), "{region}");
        }
        for region in [
            "eu-west-1",
            "us-east-1",
            "us-gov-west-1",
            "cn-north-1",
            "us-iso-east-1",
            "eusc-de-east-1",
            "local",
            "",
            "eu--1",
            "eu-west-one",
        ] {
            assert!(!is_opt_in(region), "{region}");
        }
    }
}
