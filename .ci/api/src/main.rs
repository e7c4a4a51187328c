//! Prints the public items in a file of rustdoc's JSON, one a line: what `cargo public-api -sss --rustdoc-json FILE` prints, without the
//! hundred crates that find and build other people's crates.

use std::error::Error;

use public_api::{Builder, PublicApi};

fn main() -> Result<(), Box<dyn Error>> {
    let file = std::env::args_os().nth(1).ok_or("usage: api FILE")?;
    let api: PublicApi = Builder::from_rustdoc_json(file)
        .omit_blanket_impls(true)
        .omit_auto_trait_impls(true)
        .omit_auto_derived_impls(true)
        .build()?;
    for item in api.items() {
        println!("{item}");
    }
    Ok(())
}
