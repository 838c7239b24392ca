//! What a capability looks like: its name, and the function that does it.

use proc_macro2::TokenStream as Tokens;
use quote::{quote, quote_spanned};
use syn::spanned::Spanned;
use syn::{Attribute, Error, FnArg, GenericArgument, LitStr, PathArguments, ReturnType, Signature};
use syn::{Type, Visibility};

/// The types of a function or method that serves a capability.
pub(crate) struct Served<'a> {
    pub(crate) context: &'a Type,
    pub(crate) input: &'a Type,
    pub(crate) output: &'a Type,
}

impl<'a> Served<'a> {
    /// Reads them off; `inputs` are the parameters without `self`.
    pub(crate) fn of(sig: &'a Signature, inputs: &[&'a FnArg]) -> Result<Served<'a>, Error> {
        if sig.asyncness.is_none() {
            return Err(Error::new(sig.fn_token.span(), "a capability is an `async fn`"));
        }
        if !sig.generics.params.is_empty() {
            return Err(Error::new(sig.generics.span(), "a capability has no generic parameters"));
        }
        let output = output_of(sig)?;
        match inputs {
            [FnArg::Typed(context), FnArg::Typed(input)] => {
                Ok(Served { context: &context.ty, input: &input.ty, output })
            }
            [FnArg::Typed(_), FnArg::Typed(_), FnArg::Typed(more), ..] => {
                let why = "a capability has one input, after its `Context`: put several into a \
                           struct or a tuple";
                Err(Error::new(more.span(), why))
            }
            _ => {
                let why = "a capability takes two parameters: its `Context`, then one input; \
                           `_: Context` and `_: ()` if it needs neither";
                Err(Error::new(sig.paren_token.span.join(), why))
            }
        }
    }

    /// Lets the compiler say it when the first parameter is no `Context`.
    pub(crate) fn check_context(&self) -> Tokens {
        let context = self.context;
        quote_spanned! { context.span() =>
            const _: () = {
                const fn first<T: ::majordomo::FirstParameter>() {}
                first::<#context>()
            };
        }
    }
}

/// The type of a capability, under the name of its function.
pub(crate) fn declare(
    (ident, vis, attrs): (&syn::Ident, &Visibility, &[Attribute]),
    name: &LitStr,
    served: &Served<'_>,
) -> Result<Tokens, Error> {
    let (capability, version) = parse_name(name)?;
    let Served { input, output, .. } = served;
    Ok(quote! {
        #(#attrs)*
        #[allow(non_camel_case_types)]
        #[derive(Clone, Copy, Debug)]
        #vis struct #ident {}

        impl ::majordomo::Capability for #ident {
            type Input = #input;
            type Output = #output;
            const NAME: &'static str = #capability;
            const VERSION: u32 = #version;

            fn input_schema() -> ::core::option::Option<::majordomo::contract::Json> {
                use ::majordomo::contract::{ViaAnything as _, ViaJsonSchema as _};
                (&::majordomo::contract::Rust::<#input>::new()).schema()
            }

            fn output_schema() -> ::core::option::Option<::majordomo::contract::Json> {
                use ::majordomo::contract::{ViaAnything as _, ViaJsonSchema as _};
                (&::majordomo::contract::Rust::<#output>::new()).schema()
            }
        }
    })
}

/// `text.count@2` → (`text.count`, 2); without a version it is the first.
pub(crate) fn parse_name(name: &LitStr) -> Result<(String, u32), Error> {
    let text = name.value();
    let (capability, version) = match text.split_once('@') {
        None => (text.as_str(), 1),
        Some((capability, version)) => {
            let version = version.parse().ok().filter(|it| *it > 0);
            let why = "the version after `@` must be a whole number from 1, as in \"text.count@1\"";
            (capability, version.ok_or_else(|| Error::new(name.span(), why))?)
        }
    };
    let legal = |it: char| it.is_ascii_alphanumeric() || matches!(it, '.' | '_' | '-');
    if capability.is_empty() || !capability.chars().all(legal) {
        let why =
            "a capability is named with letters, digits, `.`, `_` and `-`, as in \"text.count\"";
        return Err(Error::new(name.span(), why));
    }
    Ok((capability.to_owned(), version))
}

/// `T` of the `Result<T>` that is returned.
fn output_of(sig: &Signature) -> Result<&Type, Error> {
    let why = "a capability returns `majordomo::Result<Output>`: it may fail";
    let ReturnType::Type(_, returned) = &sig.output else {
        return Err(Error::new(sig.ident.span(), why));
    };
    let Type::Path(path) = &**returned else { return Err(Error::new(returned.span(), why)) };
    let last = path.path.segments.last().filter(|segment| segment.ident == "Result");
    let Some(PathArguments::AngleBracketed(arguments)) = last.map(|it| &it.arguments) else {
        return Err(Error::new(returned.span(), why));
    };
    match arguments.args.first() {
        Some(GenericArgument::Type(output)) => Ok(output),
        _ => Err(Error::new(returned.span(), why)),
    }
}
