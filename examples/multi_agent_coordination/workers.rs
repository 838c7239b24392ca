//! The workers: three Rust functions that anybody in the team can ask.
//!
//! They read files and compute, which blocks, so they do it on a thread of their own. What one
//! cannot do it *rejects*: another attempt could not help, and whoever asked hears why.

use super::work::{Analysis, Material, Part, Piece, Scenario};
use super::{code_review, diagnosis, documentation};
use majordomo::{Context, Result, capability};

/// What is in a file, and what of it is worth the coder's time.
#[capability("analyse@1")]
pub async fn analyse(cx: Context, part: Part) -> Result<Analysis> {
    let work = move || match part.scenario {
        Scenario::CodeReview => code_review::analyse(&part.path),
        Scenario::Documentation => documentation::analyse(&part.path),
        Scenario::Diagnosis => diagnosis::analyse(&part.path),
    };
    cx.blocking(work).await?
}

/// A diff, an example or a command for one piece; always checked before it is given.
#[capability("code@1")]
pub async fn code(cx: Context, piece: Piece) -> Result<String> {
    let work = move || match piece.scenario {
        Scenario::CodeReview => code_review::code(&piece),
        Scenario::Documentation => documentation::code(&piece),
        Scenario::Diagnosis => diagnosis::code(&piece),
    };
    cx.blocking(work).await?
}

/// The page that people read.
#[capability("write@1")]
pub async fn write(_: Context, material: Material) -> Result<String> {
    Ok(match material.scenario {
        Scenario::CodeReview => code_review::write(&material),
        Scenario::Documentation => documentation::write(&material),
        Scenario::Diagnosis => diagnosis::write(&material),
    })
}
