//! A function as a capability: the type, the code, and a function that makes one.

use crate::signature::{Served, declare};
use proc_macro2::TokenStream as Tokens;
use quote::quote;
use syn::{Error, FnArg, ItemFn, LitStr};

pub(crate) fn expand(attribute: Tokens, function: &ItemFn) -> Result<Tokens, Error> {
    let ItemFn { attrs, vis, sig, block } = function;
    let ident = &sig.ident;
    let name: LitStr = syn::parse2(attribute).map_err(|_| {
        let why = format!("name it, in quotes and with a version: #[capability(\"{ident}@1\")]");
        Error::new(ident.span(), why)
    })?;
    if let Some(FnArg::Receiver(receiver)) = sig.inputs.first() {
        let why = "a method is made a capability with its `impl` block: put `#[capability]` above \
                   that too";
        return Err(Error::new_spanned(receiver, why));
    }
    let inputs: Vec<&FnArg> = sig.inputs.iter().collect();
    let served = Served::of(sig, &inputs)?;
    let declared = declare((ident, vis, attrs), &name, &served)?;
    let check_context = served.check_context();
    let (parameters, returns) = (&sig.inputs, &sig.output);
    Ok(quote! {
        #declared
        #check_context

        // A function, not a unit value: `let count = 1` must stay possible beside it.
        #[doc(hidden)]
        #vis fn #ident() -> #ident {
            #ident {}
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
