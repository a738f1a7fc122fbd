//! A name that nobody knows: the error, with the nearest known name as a suggestion. Serves options and merge operators.
//!
//! Pure. Thread rule: none needed.

use crate::error::Error;

/// An unknown name, with the nearest of `known` as a suggestion if one is near.
pub fn unknown_name<'a>(what: &str, name: &str, known: impl Iterator<Item = &'a str>) -> Error {
    // Half a name is a near miss too: "ttl" means "ttl_ms".
    let half = |candidate: &str| name.len() >= 3 && candidate.starts_with(name);
    let far = |candidate: &str| if half(candidate) { 1 } else { distance(name, candidate) };
    let nearest = known.map(|candidate| (far(candidate), candidate)).min();
    match nearest {
        Some((d, candidate)) if d <= 1 + name.len() / 3 => {
            Error::invalid(format!("unknown {what} \"{name}\"; did you mean \"{candidate}\"?"))
        }
        _ => Error::invalid(format!("unknown {what} \"{name}\"")),
    }
}

/// Levenshtein distance: how many letters to add, drop or change.
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, ca) in a.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, cb) in b.iter().enumerate() {
            let changed = diagonal + usize::from(ca != *cb);
            diagonal = row[j + 1];
            row[j + 1] = changed.min(diagonal + 1).min(row[j] + 1);
        }
    }
    row[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_typing_error_is_answered_with_the_right_name() {
        let known = ["memory_budget", "read_only"];
        let error = unknown_name("option", "memory_buget", known.into_iter());
        assert_eq!(error.message(), "unknown option \"memory_buget\"; did you mean \"memory_budget\"?");
        assert_eq!(unknown_name("option", "zzz", known.into_iter()).message(), "unknown option \"zzz\"");
    }
}
