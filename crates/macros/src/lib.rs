//! `#[capability("name@1")]`: an async function becomes something that can be asked for.
//!
//! ```text
//! #[capability("text.count@1")]
//! async fn count(_: Context, text: String) -> Result<usize> { … }
//! ```
//!
//! becomes a type `count` that implements `Capability` (name, version, input and output types) and
//! `Handler` (the code), and a function `count` that makes one. So `team.with(count)` takes the
//! value and `cx.ask::<count>(…)` the type, and giving it another input does not compile.

use proc_macro::TokenStream;
use proc_macro2::TokenStream as Tokens;
use quote::quote;
use syn::spanned::Spanned;
use syn::{Error, FnArg, GenericArgument, ItemFn, LitStr, PathArguments, ReturnType, Type};

/// Makes an `async fn(Context, Input) -> Result<Output>` a capability. The argument is its name,
/// with `@version` if it is not the first.
#[proc_macro_attribute]
pub fn capability(attribute: TokenStream, item: TokenStream) -> TokenStream {
    let name = syn::parse_macro_input!(attribute as LitStr);
    let function = syn::parse_macro_input!(item as ItemFn);
    expand(&name, &function).unwrap_or_else(Error::into_compile_error).into()
}

fn expand(name: &LitStr, function: &ItemFn) -> Result<Tokens, Error> {
    let (capability, version) = parse_name(name)?;
    let input = check_signature(function)?;
    let output = output_of(function)?;
    let ItemFn { attrs, vis, sig, block } = function;
    let ident = &sig.ident;
    let (parameters, returns) = (&sig.inputs, &sig.output);
    Ok(quote! {
        #(#attrs)*
        #[allow(non_camel_case_types)]
        #[derive(Clone, Copy, Debug)]
        #vis struct #ident {}

        // A function, not a unit value: `let count = 1` must stay possible beside it.
        #[doc(hidden)]
        #vis fn #ident() -> #ident {
            #ident {}
        }

        impl ::majordomo::Capability for #ident {
            type Input = #input;
            type Output = #output;
            const NAME: &'static str = #capability;
            const VERSION: u32 = #version;
        }

        impl ::majordomo::Handler for #ident {
            fn handle(
                &self,
                cx: ::majordomo::Context,
                input: Self::Input,
            ) -> impl ::core::future::Future<
                Output = ::core::result::Result<Self::Output, ::majordomo::Failure>,
            > + Send {
                async fn #ident(#parameters) #returns #block
                #ident(cx, input)
            }
        }
    })
}

/// `text.count@2` → (`text.count`, 2); without a version it is the first.
fn parse_name(name: &LitStr) -> Result<(String, u32), Error> {
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

/// The type of the second parameter.
fn check_signature(function: &ItemFn) -> Result<&Type, Error> {
    let sig = &function.sig;
    if sig.asyncness.is_none() {
        return Err(Error::new(sig.fn_token.span(), "a capability is an `async fn`"));
    }
    if !sig.generics.params.is_empty() {
        return Err(Error::new(sig.generics.span(), "a capability has no generic parameters"));
    }
    let typed = |argument: &'_ FnArg| matches!(argument, FnArg::Typed(_));
    match sig.inputs.iter().collect::<Vec<_>>()[..] {
        [cx, FnArg::Typed(input)] if typed(cx) => Ok(&input.ty),
        _ => {
            let why = "a capability takes two parameters: the `Context`, and one input";
            Err(Error::new(sig.inputs.span(), why))
        }
    }
}

/// `T` of the `Result<T>` that is returned.
fn output_of(function: &ItemFn) -> Result<Tokens, Error> {
    let why = "a capability returns `majordomo::Result<Output>`";
    let ReturnType::Type(_, returned) = &function.sig.output else {
        return Err(Error::new(function.sig.span(), why));
    };
    let Type::Path(path) = &**returned else { return Err(Error::new(returned.span(), why)) };
    let last = path.path.segments.last().filter(|segment| segment.ident == "Result");
    let Some(PathArguments::AngleBracketed(arguments)) = last.map(|it| &it.arguments) else {
        return Err(Error::new(returned.span(), why));
    };
    match arguments.args.first() {
        Some(GenericArgument::Type(output)) => Ok(quote!(#output)),
        _ => Err(Error::new(returned.span(), why)),
    }
}
