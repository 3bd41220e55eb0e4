//! `proffer spark-env`: what Apache Spark 3.5 needs to know to be a framework of Proffer's.

use std::env;
use std::fmt::Write as _;
use std::io::IsTerminal;
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};

use crate::terminal;

pub(super) const HELP: &str = "\
Spark 3.5 speaks to Mesos by a native library, which Mesos used to bring and Proffer brings now. This
prints the lines that tell Spark where it is; it comes with the program, or is built by
cargo build -p proffer-libmesos. Spark 4 has no Mesos any more.

With --executor-image, executors are containers of that image: Spark is told so, and where the image
has it, in a file of settings of its own, which SPARK_CONF_DIR then names.

Examples:
  eval \"$(proffer spark-env)\"
  eval \"$(proffer spark-env --executor-image proffer-spark:3.5.9)\"
  spark-submit --master mesos://localhost:5050 --executor-memory 1g --num-executors 2 my-spark-job.py";

/// The file of the library.
const LIBRARY: &str = "libmesos.so";

/// The packages of Java 17 into which Spark 3.5 looks. Spark's launcher opens them for the driver, but
/// not for executors that Mesos starts in a container.
const OPENED: [&str; 7] = [
    "java.lang",
    "java.nio",
    "java.util",
    "java.util.concurrent",
    "sun.nio.ch",
    "sun.nio.cs",
    "sun.security.action",
];

/// The command line arguments of `spark-env`.
#[derive(Clone, Debug, clap::Args)]
pub(super) struct SparkEnvArguments {
    /// The native library, if it is not beside this program
    #[arg(long, value_name = "FILE")]
    library: Option<PathBuf>,

    /// The image of executors
    #[arg(long, value_name = "IMAGE")]
    executor_image: Option<String>,

    /// Where that image has Spark
    #[arg(long, value_name = "FOLDER", default_value = "/opt/spark", requires = "executor_image")]
    executor_home: String,
}

pub(super) fn run(arguments: &SparkEnvArguments) -> anyhow::Result<()> {
    let library = match &arguments.library {
        Some(file) => existing(file)?,
        None => find_library(&env::current_exe().context("cannot tell where this program is")?)?,
    };
    let folder = match &arguments.executor_image {
        Some(image) => Some(write_settings(&settings_folder()?, image, &arguments.executor_home)?),
        None => None,
    };
    terminal::print(exports(&library, folder.as_deref()))?;
    if std::io::stdout().is_terminal() {
        terminal::tell("# to use them: eval \"$(proffer spark-env)\"");
    }
    Ok(())
}

fn existing(file: &Path) -> anyhow::Result<PathBuf> {
    let name = file.display();
    file.canonicalize().with_context(|| format!("--library {name}: there is no such file"))
}

/// The library beside a program, or in the `lib` beside its folder.
fn find_library(program: &Path) -> anyhow::Result<PathBuf> {
    let folder = program.parent().unwrap_or(Path::new("."));
    let places = [folder.join(LIBRARY), folder.join("../lib").join(LIBRARY)];
    match places.iter().find(|place| place.is_file()) {
        Some(place) => existing(place),
        None => bail!(
            "{LIBRARY} is neither in {} nor in {}; build it with cargo build -p proffer-libmesos, or say \
             where it is with --library",
            folder.display(),
            folder.join("../lib").display()
        ),
    }
}

fn settings_folder() -> anyhow::Result<PathBuf> {
    let cache = env::var_os("XDG_CACHE_HOME").map(PathBuf::from);
    let cache = cache.or_else(|| Some(PathBuf::from(env::var_os("HOME")?).join(".cache")));
    let cache = cache.context("neither XDG_CACHE_HOME nor HOME says where settings can be kept")?;
    Ok(cache.join("proffer/spark-conf"))
}

/// Writes Spark's settings for executors in containers; returns the folder.
fn write_settings(folder: &Path, image: &str, home: &str) -> anyhow::Result<PathBuf> {
    let file = folder.join("spark-defaults.conf");
    let text = format!(
        "# Written by proffer spark-env.\n\
         spark.mesos.executor.docker.image {image}\n\
         spark.mesos.executor.home {home}\n"
    );
    std::fs::create_dir_all(folder)
        .and_then(|()| std::fs::write(&file, text))
        .with_context(|| format!("cannot write {}", file.display()))?;
    Ok(folder.to_owned())
}

/// Lines for a shell.
fn exports(library: &Path, settings: Option<&Path>) -> String {
    let opens: Vec<String> = OPENED
        .iter()
        .map(|package| format!("--add-opens=java.base/{package}=ALL-UNNAMED"))
        .collect();
    let mut lines = String::new();
    let mut export = |name: &str, value: &str| {
        // Writing into a text cannot fail.
        let _ = writeln!(lines, "export {name}={}", quoted(value));
    };
    export("MESOS_NATIVE_JAVA_LIBRARY", &library.to_string_lossy());
    export("JDK_JAVA_OPTIONS", &opens.join(" "));
    if let Some(folder) = settings {
        export("SPARK_CONF_DIR", &folder.to_string_lossy());
    }
    lines
}

/// A word for a shell, whatever is in it.
fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', "'\\''"))
}

#[cfg(test)]
mod tests;
