//! What holds for whatever is drawn: definitions and states in and out, and any
//! damage. The fuzz targets hold the same (`fuzz/`).
#![expect(
    clippy::unwrap_used,
    reason = "clippy knows tests by their attribute, and this is compiled for tests alone"
)]

mod properties {
    #[expect(unreachable_pub, reason = "public in the fuzz crate, which shares the file")]
    mod checks;
    mod damage;
    mod definitions;
    #[expect(unreachable_pub, reason = "public in the fuzz crate, which shares the file")]
    mod forms;
    mod state;

    use proptest::prelude::ProptestConfig;
    use proptest::test_runner::RngSeed;

    /// The same cases in every run.
    fn config(cases: u32) -> ProptestConfig {
        ProptestConfig {
            cases,
            rng_seed: RngSeed::Fixed(4711),
            failure_persistence: None,
            ..ProptestConfig::default()
        }
    }

    /// A file of this crate or of the examples.
    fn file(path: &str) -> Vec<u8> {
        std::fs::read(std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join(path)).unwrap()
    }
}
