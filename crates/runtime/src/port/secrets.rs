//! Where secrets come from: the environment, a vault. Asked at dispatch, and by nobody else.

use crate::secret::Reference;

/// Looks secrets up. It keeps nothing: what is changed outside is seen at the next dispatch.
pub trait Secrets: Send + Sync + 'static {
    /// The value behind a reference. May block.
    ///
    /// # Errors
    /// In words for people, with what to do; never with anything of the value in them.
    fn read(&self, reference: &Reference) -> Result<String, String>;
}
