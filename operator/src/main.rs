//! The program `proffer`.

use std::process::ExitCode;

fn main() -> ExitCode {
    proffer::cli::main()
}
