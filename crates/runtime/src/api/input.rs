//! What a capability may be asked with: its input, or a text that is only borrowed.

/// What may be given where a capability takes a `T`: a `T`; and a `&str` where it takes a
/// [`String`], because a text in the source is one.
///
/// Why not [`Into`]? A literal such as `42` would have no type then: many numbers become a `u64`,
/// so the compiler would settle for `i32`, which does not. Here one thing becomes a `u64`, and that
/// is what the literal is.
///
/// ```
/// # use majordomo_runtime::api::{Capability, Context, Result};
/// # async fn lead<shout, square>(cx: Context) -> Result<()>
/// # where
/// #     shout: Capability<Input = String, Output = String>,
/// #     square: Capability<Input = u64, Output = u64>,
/// # {
/// cx.ask::<shout>("to be").await?;
/// cx.ask::<shout>(format!("to be {}", "or not to be")).await?;
/// cx.ask::<square>(7).await?;
/// # Ok(())
/// # }
/// ```
#[diagnostic::on_unimplemented(
    message = "the capability takes `{T}`, and is asked with `{Self}`",
    label = "this is not `{T}`",
    note = "a capability is asked with its input, as its function has it behind the `Context`"
)]
pub trait IntoInput<T> {
    /// The input.
    fn into_input(self) -> T;
}

impl<T> IntoInput<T> for T {
    fn into_input(self) -> T {
        self
    }
}

impl IntoInput<String> for &str {
    fn into_input(self) -> String {
        self.to_owned()
    }
}

impl IntoInput<String> for &String {
    fn into_input(self) -> String {
        self.clone()
    }
}
