//! Code review in four plain functions: `survey → review (per file) → fix → report`.
//!
//! Pure work on files and bytes: no async, no runtime, no model, no network. Each function takes
//! one serialisable input and gives one serialisable output, so that any agent can serve it as a
//! capability.
//!
//! What is found is decided by the rules, which are data: a folder each under `rules/` with a
//! query per language, a page, and files that show what is found and what is not. Precision comes
//! before recall: a rule that is right nine times in ten is kept, one that is right seven times is
//! not.
//!
//! Whatever comes out of a reviewed file is data. It is bounded here and escaped where it is shown.

mod built;
mod catalog;
mod check;
pub mod external;
mod finding;
mod fix;
mod language;
mod leak;
mod lint;
mod query;
mod report;
mod reviewing;
mod sniff;
pub(crate) mod source;
mod survey;
pub(crate) mod tree;

pub use catalog::{Rule, page, rules};
pub use finding::{Dimension, Finding, SNIPPET_COLUMNS_MAX, SNIPPET_LINES_MAX, Severity};
pub use fix::{Error as FixError, FIXES_MAX, Fix, FixInput, Reason, Refused, fix};
pub use language::Language;
pub use lint::{Lint, LintInput, lint};
pub use report::{Member, Opening, Report, ReportInput, report};
pub use reviewing::{FINDINGS_MAX, Review, ReviewInput, Skip, review, review_source};
pub use source::Error as ReadError;
pub use survey::{Error as SurveyError, FileRef, Survey, SurveyInput, survey};
