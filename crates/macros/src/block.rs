//! The `impl` block of an agent's type.
//!
//! ```text
//! #[capability]
//! impl Analyst {
//!     #[capability("code.review@1")]
//!     async fn review(&self, cx, file) -> …         the type `review`, and Handles<review>
//!     #[capability(count)]
//!     async fn count(&mut self, cx, text) -> …      Handles<count>
//!     #[started] #[stopping] #[health]              NativeAgent: its life
//! }
//! ```
//!
//! The methods stay what they are and can be called in tests; the rest is written beside the block.

use crate::signature::{Served, declare, parse_name};
use proc_macro2::TokenStream as Tokens;
use quote::{format_ident, quote, quote_spanned};
use syn::spanned::Spanned;
use syn::{Attribute, Error, FnArg, ImplItem, ImplItemFn, ItemImpl, LitStr, Meta, Path, Receiver};

/// What the methods of a block come to.
#[derive(Default)]
struct Found {
    /// Types and `Handles` of the capabilities.
    beside: Tokens,
    /// The capabilities, as paths.
    capabilities: Vec<Tokens>,
    /// The names given here, so that none is given twice.
    names: Vec<(String, u32)>,
    /// Methods of `NativeAgent`.
    life: Tokens,
}

pub(crate) fn expand(attribute: &Tokens, mut block: ItemImpl) -> Result<Tokens, Error> {
    if !attribute.is_empty() {
        let why = "an agent's `impl` block has `#[capability]` alone: the names go on its methods";
        return Err(Error::new(attribute.span(), why));
    }
    if let Some((_, path, _)) = &block.trait_ {
        let why = "`#[capability]` goes on the type's own `impl` block, not on that of a trait";
        return Err(Error::new(path.span(), why));
    }
    let mut found = Found::default();
    let mut wrong: Option<Error> = None;
    let header = ItemImpl { items: Vec::new(), attrs: Vec::new(), ..block.clone() };
    for item in &mut block.items {
        if let ImplItem::Fn(method) = item
            && let Err(why) = take(method, &header, &mut found)
        {
            match &mut wrong {
                Some(before) => before.combine(why),
                None => wrong = Some(why),
            }
        }
    }
    if let Some(wrong) = wrong {
        return Err(wrong);
    }
    if found.capabilities.is_empty() {
        let why = "no method here serves a capability: put `#[capability(\"some.name@1\")]` on an \
                   `async fn` of it";
        return Err(Error::new(block.self_ty.span(), why));
    }
    Ok(written(&block, &found))
}

fn written(block: &ItemImpl, found: &Found) -> Tokens {
    let (generics, _, bounds) = block.generics.split_for_impl();
    let (of, Found { beside, capabilities, life, .. }) = (&block.self_ty, found);
    quote! {
        #block
        #beside

        impl #generics ::majordomo::NativeAgent for #of #bounds {
            fn serves() -> ::std::vec::Vec<::majordomo::Served<Self>> {
                ::std::vec![#(<Self as ::majordomo::Handles<#capabilities>>::served()),*]
            }
            #life
        }
    }
}

/// Takes our attributes off one method, and notes what it is for.
fn take(method: &mut ImplItemFn, block: &ItemImpl, found: &mut Found) -> Result<(), Error> {
    let is_ours = |attribute: &Attribute| {
        let last = attribute.path().segments.last().map(|segment| segment.ident.to_string());
        matches!(last.as_deref(), Some("capability" | "started" | "stopping" | "health"))
    };
    let Some(at) = method.attrs.iter().position(is_ours) else { return Ok(()) };
    let ours = method.attrs.remove(at);
    if let Some(second) = method.attrs.iter().find(|it| is_ours(it)) {
        return Err(Error::new(second.span(), "a method is for one thing: give each its own"));
    }
    let last = ours.path().segments.last().map(|segment| segment.ident.to_string());
    match last.as_deref() {
        Some("capability") => serve(&ours, method, block, found),
        Some("started") => live(method, "started", found),
        Some("stopping") => live(method, "stopping", found),
        _ => live(method, "health", found),
    }
}

fn serve(
    ours: &Attribute,
    method: &ImplItemFn,
    block: &ItemImpl,
    found: &mut Found,
) -> Result<(), Error> {
    let (receiver, served) = read(method)?;
    let ident = &method.sig.ident;
    let capability = match &ours.meta {
        Meta::List(list) if syn::parse2::<LitStr>(list.tokens.clone()).is_ok() => {
            let name: LitStr = syn::parse2(list.tokens.clone())?;
            let named = parse_name(&name)?;
            if found.names.contains(&named) {
                let why = "another method here serves this: one capability, one method";
                return Err(Error::new(name.span(), why));
            }
            found.names.push(named);
            let docs: Vec<Attribute> =
                method.attrs.iter().filter(|it| it.path().is_ident("doc")).cloned().collect();
            found.beside.extend(declare((ident, &method.vis, &docs), &name, &served)?);
            quote!(#ident)
        }
        Meta::List(list) => {
            let path: Path = syn::parse2(list.tokens.clone())?;
            quote!(#path)
        }
        Meta::Path(_) | Meta::NameValue(_) => {
            let why = format!(
                "name it, `#[capability(\"some.{ident}@1\")]`, or say which existing capability it \
                 serves, `#[capability({ident})]`"
            );
            return Err(Error::new(ours.span(), why));
        }
    };
    found.beside.extend(served.check_context());
    found.beside.extend(handles(block, method, (receiver, &served), &capability));
    found.capabilities.push(capability);
    Ok(())
}

/// `&self` or `&mut self`, and the types of the rest.
fn read(method: &ImplItemFn) -> Result<(&Receiver, Served<'_>), Error> {
    let mut inputs: Vec<&FnArg> = method.sig.inputs.iter().collect();
    let receiver = match inputs.first() {
        Some(FnArg::Receiver(receiver)) if receiver.reference.is_some() => receiver,
        _ => {
            let why = "a method that serves a capability takes `&self`, for several tasks at once, \
                       or `&mut self`, for one at a time";
            return Err(Error::new(method.sig.ident.span(), why));
        }
    };
    inputs.remove(0);
    Ok((receiver, Served::of(&method.sig, &inputs)?))
}

/// The proof that the type handles the capability: the code that calls the method.
fn handles(
    block: &ItemImpl,
    method: &ImplItemFn,
    (receiver, served): (&Receiver, &Served<'_>),
    capability: &Tokens,
) -> Tokens {
    let (generics, _, bounds) = block.generics.split_for_impl();
    let (of, ident, input) = (&block.self_ty, &method.sig.ident, served.input);
    let (how, this) = match receiver.mutability {
        Some(_) => (format_ident!("exclusive"), quote!(&mut this)),
        None => (format_ident!("shared"), quote!(&this)),
    };
    let mutable = receiver.mutability;
    // Under the span of the parameter, so that an input of another type is shown there.
    let code = quote_spanned! { input.span() =>
        |#mutable this, cx, input| async move { Self::#ident(#this, cx, input).await }
    };
    quote! {
        impl #generics ::majordomo::Handles<#capability> for #of #bounds {
            fn served() -> ::majordomo::Served<Self> {
                ::majordomo::Served::#how::<#capability, _>(#code)
            }
        }
    }
}

/// A method for the life of the agent.
fn live(method: &ImplItemFn, what: &str, found: &mut Found) -> Result<(), Error> {
    let sig = &method.sig;
    let receiver = match sig.inputs.first() {
        Some(FnArg::Receiver(it)) if it.reference.is_some() && sig.inputs.len() == 1 => it,
        _ => {
            let why = format!("`#[{what}]` goes on a method that takes `&self` and nothing else");
            return Err(Error::new(sig.ident.span(), why));
        }
    };
    if sig.asyncness.is_none() {
        return Err(Error::new(sig.fn_token.span(), format!("`#[{what}]` goes on an `async fn`")));
    }
    let ident = &sig.ident;
    let result = quote!(::core::result::Result<(), ::majordomo::Failure>);
    found.life.extend(match what {
        "health" if receiver.mutability.is_some() => {
            let why = "`#[health]` takes `&self`: it is asked while tasks are at work";
            return Err(Error::new(receiver.span(), why));
        }
        "health" => quote! {
            const HAS_HEALTH: bool = true;
            async fn health(&self) -> #result { Self::#ident(self).await }
        },
        "started" => quote! {
            async fn started(&mut self) -> #result { Self::#ident(self).await }
        },
        _ => quote! {
            async fn stopping(&mut self) { Self::#ident(self).await }
        },
    });
    Ok(())
}
