//! Mistakes in definitions: what was found, where, and what would be right.

use std::fmt;

use super::Place;
use super::limits::MAX_DIAGNOSTICS;
use super::node::Span;
use super::source::Text;

/// One mistake.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Diagnostic {
    /// Where it is.
    pub place: Place,
    /// The offending text as one line of at most 60 characters; empty where
    /// there is none to show.
    pub found: String,
    /// What is wrong.
    pub message: String,
    /// What would be right.
    pub help: Option<String>,
    /// Another place that matters, and why: the first of two definitions.
    pub related: Option<(Place, String)>,
    /// The rest of this file was not read, so it may hold further mistakes.
    pub fatal: bool,
}

impl Diagnostic {
    fn new(text: &Text<'_>, span: &Span, message: String) -> Self {
        Self {
            place: text.place(span.start),
            found: text.found(span),
            message,
            help: None,
            related: None,
            fatal: false,
        }
    }
}

/// `file:line:column: message`, then indented lines for the rest.
impl fmt::Display for Diagnostic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.place, self.message)?;
        if !self.found.is_empty() {
            write!(f, "\n  found: {}", self.found)?;
        }
        if let Some(help) = &self.help {
            write!(f, "\n  help: {help}")?;
        }
        if let Some((place, why)) = &self.related {
            write!(f, "\n  {place}: {why}")?;
        }
        if self.fatal {
            write!(f, "\n  note: the rest of this file was not checked")?;
        }
        Ok(())
    }
}

/// Every mistake of the definitions, in the order of the files and then of the
/// places; never empty.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Diagnostics(Vec<Diagnostic>);

impl Diagnostics {
    /// The mistakes.
    pub fn iter(&self) -> std::slice::Iter<'_, Diagnostic> {
        self.0.iter()
    }

    /// These mistakes, in the order of their places; `None` where there are none.
    #[must_use]
    pub fn of(mut mistakes: Vec<Diagnostic>) -> Option<Self> {
        mistakes.sort_by(|a, b| a.place.cmp(&b.place));
        (!mistakes.is_empty()).then_some(Self(mistakes))
    }

    /// The same with every help as `complete` makes it.
    #[must_use]
    pub fn advised(mut self, complete: impl Fn(&str) -> String) -> Self {
        for help in self.0.iter_mut().filter_map(|mistake| mistake.help.as_mut()) {
            *help = complete(help);
        }
        self
    }

    /// How many there are: one or more.
    #[expect(clippy::len_without_is_empty, reason = "it is never empty")]
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }
}

impl<'a> IntoIterator for &'a Diagnostics {
    type Item = &'a Diagnostic;
    type IntoIter = std::slice::Iter<'a, Diagnostic>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

impl IntoIterator for Diagnostics {
    type Item = Diagnostic;
    type IntoIter = std::vec::IntoIter<Diagnostic>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.into_iter()
    }
}

impl fmt::Display for Diagnostics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (n, diagnostic) in self.iter().enumerate() {
            if n > 0 {
                writeln!(f)?;
            }
            write!(f, "{diagnostic}")?;
        }
        Ok(())
    }
}

impl std::error::Error for Diagnostics {}

/// Collects mistakes while files are read and checked.
#[derive(Default)]
pub(super) struct Report {
    /// The number of the file in front, because a name can be given twice.
    found: Vec<(usize, Diagnostic)>,
    file: usize,
    left_out: usize,
    /// Takes what [`MAX_DIAGNOSTICS`] leaves no room for.
    spare: Option<Diagnostic>,
}

impl Report {
    /// What is added from now on belongs to the next file.
    pub(super) fn next_file(&mut self) {
        self.file += 1;
    }

    /// Adds a mistake about `span`; the caller may give it help and more.
    pub(super) fn add(
        &mut self,
        text: &Text<'_>,
        span: &Span,
        message: impl Into<String>,
    ) -> &mut Diagnostic {
        if self.found.len() < MAX_DIAGNOSTICS {
            let at = self.found.len();
            self.found.push((self.file, Diagnostic::new(text, span, message.into())));
            return &mut self.found[at].1;
        }
        self.left_out += 1;
        self.spare.get_or_insert_with(|| Diagnostic::new(text, span, message.into()))
    }

    /// Counts mistakes that are as good as left out already.
    pub(super) fn leave_out(&mut self, count: usize) {
        self.left_out += count;
    }

    pub(super) fn count(&self) -> usize {
        self.found.len() + self.left_out
    }

    /// Forgets what was found since [`Report::count`] was `before`: it was read out of a
    /// file that is something else.
    pub(super) fn forget_since(&mut self, before: usize) {
        self.left_out = before.saturating_sub(MAX_DIAGNOSTICS);
        self.found.truncate(before);
        if self.left_out == 0 {
            self.spare = None;
        }
    }

    /// The mistakes in order. What an alias repeats is said once.
    pub(super) fn into_diagnostics(mut self) -> Diagnostics {
        self.found.sort_by(|(file, a), (other, b)| {
            let order = file.cmp(other).then_with(|| a.place.cmp(&b.place));
            order.then_with(|| a.message.cmp(&b.message))
        });
        self.found.dedup();
        let mut all: Vec<_> = self.found.into_iter().map(|(_, d)| d).collect();
        if let Some(mut last) = self.spare {
            last.message = format!("{} more mistakes are not listed", self.left_out);
            last.found.clear();
            last.help = Some("put these right first".to_owned());
            last.related = None;
            all.push(last);
        }
        Diagnostics(all)
    }
}
