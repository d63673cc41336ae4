//! What a definitions file may hold: AWS's rules, and bounds that keep a
//! hostile or damaged file from costing memory, stack or time.

/// The most bytes one definitions file may have. Ten thousand indexes fit. A
/// larger input is refused before it is parsed; whoever reads the file can stop
/// one byte after this bound and hand in what was read.
pub const MAX_INPUT_BYTES: usize = 8 * 1024 * 1024;

/// Values (maps, lists, texts) in one file. Ten thousand indexes have some
/// 250,000; aliases could make millions out of one line.
pub(super) const MAX_NODES: usize = 1_000_000;

/// Bytes of all texts in one file, aliases replaced by what they stand for: one text of
/// 100 KB and 50,000 aliases of it are 250 KB, and become 5 GB.
pub(super) const MAX_TEXT_BYTES: usize = 4 * MAX_INPUT_BYTES;

/// The same for TOML, counted before it is parsed by what stands in front of a
/// value: ten thousand indexes have some 310,000, of which 50,000 are tables. Its parser
/// took 2 GB for 8 MiB; of this many it takes 300 MB at most.
pub(super) const MAX_TOML_NODES: usize = 600_000;

/// A part of a dotted key, or a table in a line, is a map of the parser's own, which
/// takes up to 1.4 KB, three times as much as a value.
pub(super) const TOML_TABLE_NODES: usize = 3;

/// Characters of a key in JSON, which is read ahead of what it is a key to.
pub(super) const MAX_JSON_KEY: usize = 65_536;

/// Maps and lists inside one another. Definitions need five.
pub(super) const MAX_DEPTH: usize = 64;

/// The largest TOML file of which all syntax errors are listed.
pub(super) const MAX_RECOVERED_BYTES: usize = 256 * 1024;

/// Inline tables and arrays inside one another in TOML. Each may add another 80
/// levels by dotted keys, and the reader drops its tree recursively.
pub(super) const MAX_INLINE_DEPTH: usize = 16;

/// Mistakes listed at most; the rest is counted. Nobody reads further, and a
/// file of the wrong kind could make millions.
pub(super) const MAX_DIAGNOSTICS: usize = 1_000;

/// Characters of the offending text that a diagnostic repeats.
pub(super) const MAX_FOUND_CHARS: usize = 60;

/// HASH attributes, and RANGE attributes, of one index
/// ([multi-attribute keys](https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/GSI.DesignPattern.MultiAttributeKeys.html)).
pub(super) const MAX_KEYS_OF_A_TYPE: usize = 4;

/// `NonKeyAttributes` of one index
/// ([Projection](https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_Projection.html)).
pub(super) const MAX_INCLUDED: usize = 20;

/// `NonKeyAttributes` of all indexes of one table together (the same page).
pub(crate) const MAX_INCLUDED_OF_A_TABLE: usize = 100;

/// Bytes of an attribute's name, where it is a key of an index or projected.
pub(super) const MAX_ATTRIBUTE_NAME_BYTES: usize = 255;

/// Reads a second that any on-demand index is warm for from the start: less is refused
/// (docs/dynamodb.md: warm-floor).
pub(crate) const ON_DEMAND_WARM_READS: u64 = 12_000;

/// The same for writes.
pub(crate) const ON_DEMAND_WARM_WRITES: u64 = 4_000;
