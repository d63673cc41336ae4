//! "Did you mean": the nearest of the words that would have been right.

/// The word of `known` that `text` most likely means, if any comes near.
/// Case, `_`, `-` and spaces do not count.
pub(crate) fn nearest<'k>(text: &str, known: &[&'k str]) -> Option<&'k str> {
    let text = plain(text);
    if text.len() > 40 {
        return None;
    }
    let distances = known.iter().map(|word| (distance(&text, &plain(word)), *word));
    let (distance, word) = distances.min_by_key(|&(distance, _)| distance)?;
    let allowed = match word.len() {
        0..=3 => 0,
        4..=7 => 1,
        8..=12 => 2,
        _ => 3,
    };
    (distance <= allowed).then_some(word)
}

fn plain(text: &str) -> Vec<char> {
    let letters = text.chars().filter(|c| !matches!(c, '_' | '-' | ' '));
    letters.flat_map(char::to_lowercase).take(41).collect()
}

/// Insertions, deletions, replacements and swaps of neighbours between the two
/// ([optimal string alignment](https://en.wikipedia.org/wiki/Damerau%E2%80%93Levenshtein_distance)).
fn distance(a: &[char], b: &[char]) -> usize {
    let mut rows = [Vec::new(), Vec::new(), (0..=b.len()).collect::<Vec<_>>()];
    for i in 1..=a.len() {
        rows.rotate_left(1);
        let mut row = vec![i];
        for j in 1..=b.len() {
            let replaced = rows[1][j - 1] + usize::from(a[i - 1] != b[j - 1]);
            let mut least = replaced.min(rows[1][j] + 1).min(row[j - 1] + 1);
            if i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] {
                least = least.min(rows[0][j - 2] + 1);
            }
            row.push(least);
        }
        rows[2] = row;
    }
    rows[2].last().copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_misspelt_word_finds_its_right_one() {
        let known = ["IndexName", "KeySchema", "Projection", "AttributeDefinitions"];
        for (text, word) in [
            ("indexname", Some("IndexName")),
            ("index_name", Some("IndexName")),
            ("KeyShema", Some("KeySchema")),
            ("KeyScehma", Some("KeySchema")),
            ("Projektion", Some("Projection")),
            ("AttributeDefinition", Some("AttributeDefinitions")),
            ("Attributes", None),
            ("Keys", None),
            ("", None),
        ] {
            assert_eq!(nearest(text, &known), word, "{text}");
        }
        assert_eq!(nearest(&"x".repeat(10_000), &known), None);
        assert_eq!(nearest("x", &[]), None);
    }

    #[test]
    fn swapped_neighbours_are_one_mistake() {
        let count = |a: &str, b: &str| distance(&plain(a), &plain(b));
        assert_eq!(count("hash", "hsah"), 1);
        assert_eq!(count("kitten", "sitting"), 3);
        assert_eq!(count("", "abc"), 3);
    }
}
