//! `#[capability]`: Rust code becomes something that can be asked for, checked by its types.
//!
//! ```text
//! #[capability("text.count@1")]
//! async fn count(_: Context, text: String) -> Result<usize> { … }
//! ```
//!
//! becomes a type `count` that implements `Capability` (name, version, input and output types) and
//! `Handler` (the code), and a function `count` that makes one. So `team.with(count)` takes the
//! value and `cx.ask::<count>(…)` the type, and giving it another input does not compile.
//!
//! On the `impl` block of a type it makes an agent with a state: each method with a name becomes a
//! capability beside the type, and the type `Handles` it.

mod block;
mod function;
mod signature;

use proc_macro::TokenStream;
use proc_macro2::TokenStream as Tokens;
use syn::spanned::Spanned;
use syn::{Error, Item};

/// Makes an `async fn(Context, Input) -> Result<Output>` a capability: `#[capability("name@1")]`,
/// the version being 1 unless one is given. On the `impl` block of an agent's type, where it has no
/// argument, it makes capabilities of methods: those under `#[capability("name@1")]`, or under
/// `#[capability(count)]` for one that exists. `#[started]`, `#[stopping]` and `#[health]` are
/// methods for the life of the agent.
#[proc_macro_attribute]
pub fn capability(attribute: TokenStream, item: TokenStream) -> TokenStream {
    let expanded = expand(attribute.into(), item.into());
    expanded.unwrap_or_else(Error::into_compile_error).into()
}

fn expand(attribute: Tokens, item: Tokens) -> Result<Tokens, Error> {
    match syn::parse2::<Item>(item)? {
        Item::Fn(function) => function::expand(attribute, &function),
        Item::Impl(block) => block::expand(&attribute, block),
        other => {
            let why = "`#[capability]` goes on an `async fn`, or on the `impl` block of the type \
                       of an agent";
            Err(Error::new(other.span(), why))
        }
    }
}
