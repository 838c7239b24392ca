//! The `majordomo` binary: reads the command line, runs one verb, ends with its exit code.

mod commands;
mod exit;

use clap::Parser;
use std::process::ExitCode;

fn main() -> ExitCode {
    let cli = commands::Cli::parse();
    let json = cli.global.json;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    let result = match runtime {
        Ok(runtime) => runtime.block_on(cli.run()),
        Err(error) => Err(error.into()),
    };
    match result {
        Ok(exit) => exit.into(),
        Err(error) => {
            if json {
                let line =
                    serde_json::json!({ "type": "error", "message": exit::in_words(&error) });
                anstream::println!("{line}");
            } else {
                anstream::eprintln!("error: {}", exit::in_words(&error));
            }
            exit::Exit::of(&error).into()
        }
    }
}
