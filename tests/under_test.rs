//! The program `proffer`, where the tests of this package find it.

use std::process::ExitCode;

fn main() -> ExitCode {
    proffer::cli::main()
}
