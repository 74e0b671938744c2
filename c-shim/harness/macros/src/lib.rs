// SPDX-License-Identifier: GPL-2.0

//! The kernel's `#[export]` (rust/macros/export.rs), for the host. No other macro of the kernel is
//! needed here.

use proc_macro::{TokenStream, TokenTree};

/// Exports a function to C. It must have the type that the C header declares, or it does not
/// compile.
#[proc_macro_attribute]
pub fn export(_attr: TokenStream, function: TokenStream) -> TokenStream {
    let name = name_of(function.clone());
    // Both branches of an if must have the same type.
    let check = format!(
        "const _: () = {{ if true {{ ::kernel::bindings::{name} }} else {{ {name} }}; }};
         #[no_mangle]"
    );
    let mut exported: TokenStream = check.parse().expect("this is Rust");

    exported.extend(function);
    exported
}

fn name_of(function: TokenStream) -> String {
    let mut tokens = function.into_iter();
    let is_fn =
        |token: &TokenTree| matches!(token, TokenTree::Ident(word) if word.to_string() == "fn");

    tokens.find(is_fn).expect("#[export] is for functions");
    tokens.next().expect("a function has a name").to_string()
}
