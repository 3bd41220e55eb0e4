//! One document that follows a schema of its own, such as a file of settings.

use serde::de::DeserializeOwned;
use serde_json::Value;

use super::error::{Errors, ManifestError, ManifestErrors};
use super::kinds::Kinds;
use super::schema::Check;
use super::yaml::Dialect;
use super::{Located, documents};

/// Reads the one document of a text; errors call the text by the name `file`. What the schema gives
/// no default for is the type's to fill in.
pub(crate) fn read<T: DeserializeOwned>(
    file: &str,
    text: &str,
    schema: &Value,
) -> Result<Located<T>, ManifestErrors> {
    let single = |error| ManifestErrors { errors: vec![error], more: 0 };
    let mut documents = documents(file, text, Dialect::Kubernetes).map_err(single)?;
    let (Some(source), true) = (documents.pop(), documents.is_empty()) else {
        let message = "expected one document, found several or none";
        return Err(single(ManifestError::new(file, None, "", message)));
    };
    let mut errors = Errors::default();
    let kinds = Kinds::patterns_of(schema);
    let value = Check { kinds: &kinds, source: &source, errors: &mut errors }.value(
        schema,
        source.root(),
        "",
    );
    errors.into_result()?;
    // The schema has seen everything that the types refuse; this is for what it may miss one day.
    let object = serde_json::from_value(value.unwrap_or_default())
        .map_err(|error| single(source.error("", error.to_string())))?;
    Ok(Located { object, source })
}

/// All that is wrong with a document that was read, if something is.
pub(crate) fn refuse(
    errors: impl IntoIterator<Item = ManifestError>,
) -> Result<(), ManifestErrors> {
    let mut all = Errors::default();
    errors.into_iter().for_each(|error| all.push(error));
    all.into_result()
}
