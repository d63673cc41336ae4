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
    use super::is_opt_in;

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
