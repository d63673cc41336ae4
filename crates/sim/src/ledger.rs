//! Invariant 3 by the truth: who made each index, and what whoever deletes one
//! could know of it.
//!
//! The model says who made the index that a call removes. Where that is somebody
//! else, one thing excuses the call: nobody could tell. It was ours when the call
//! was handed out and the call came late; or ours was deleted and made again alike,
//! and no answer to a process of the state's lineage showed any of it.

use std::rc::Rc;

use crate::coverage::Row;
use crate::model::{Applied, Maker};

/// Whether the state's lineage may take the index for what it made: how it was
/// told otherwise, if it was.
pub type Evidence = Result<(), &'static str>;

/// The changes that processes asked for, by number.
#[derive(Debug, Default)]
pub struct Ledger(Vec<Asked>);

#[derive(Debug)]
struct Asked {
    lineage: Rc<str>,
    /// Who had made the index that stood there then.
    standing: Option<Maker>,
    evidence: Evidence,
}

impl Ledger {
    /// A run of this lineage asks for a change; its number is returned.
    pub fn add(&mut self, lineage: Rc<str>, standing: Option<Maker>, evidence: Evidence) -> usize {
        self.0.push(Asked { lineage, standing, evidence });
        self.0.len() - 1
    }

    /// The lineage of the state whose run made an index.
    #[must_use]
    pub fn lineage(&self, maker: Maker) -> Option<&Rc<str>> {
        match maker {
            Maker::Call(n) => self.0.get(n).map(|asked| &asked.lineage),
            Maker::Other => None,
        }
    }

    /// Holds a change that was applied against invariant 3. The row that was met,
    /// where it removed what somebody else had made and nobody could tell.
    ///
    /// # Panics
    /// Where somebody could.
    #[must_use]
    pub fn judge(&self, applied: &Applied) -> Option<Row> {
        let Maker::Call(n) = applied.by else { return None };
        let asked = self.0.get(n).filter(|_| !applied.created)?;
        let ours = |maker| self.lineage(maker) == Some(&asked.lineage);
        if ours(applied.of) {
            return None;
        }
        if asked.standing.is_some_and(ours) {
            return Some(Row::Undecidable);
        }
        if let Err(known) = asked.evidence {
            let maker = match self.lineage(applied.of) {
                Some(lineage) => format!("a run of another state ({lineage})"),
                None => "somebody else".to_owned(),
            };
            panic!(
                "invariant 3: {} was made by {maker} and is deleted by a rollback that could know: {known}",
                applied.id
            );
        }
        Some(Row::Undecidable)
    }
}
