//! Where a file of the table is, and how it is replaced.

use std::{
    fs,
    path::{Path, PathBuf},
    process,
};

use anyhow::{Context, Result};
use controller_core::id::Region;

use crate::args::FileFormat;

/// The file of a Region. Who reads the folder as a table would count the Region twice if it had a
/// file in each format.
pub(super) fn path(folder: &Path, region: &Region, format: FileFormat) -> Result<PathBuf> {
    let named = |extension| folder.join(format!("macie-estimate-{region}.{extension}"));
    let (path, other) = match format {
        FileFormat::Parquet => (named("parquet"), named("csv")),
        FileFormat::Csv => (named("csv"), named("parquet")),
    };
    anyhow::ensure!(
        !other.exists(),
        "`{}` is there: a table has one format, or {region} is in it twice (fix: another folder, or \
         delete that file)",
        other.display()
    );
    Ok(path)
}

/// Writes the whole file beside the old one and then puts it in its place. Until then its name begins
/// with a dot, which Athena passes over.
pub(in crate::commands) fn replace(path: &Path, bytes: &[u8]) -> Result<()> {
    let said = || format!("cannot write `{}`", path.display());
    let folder = path.parent().with_context(said)?;
    fs::create_dir_all(folder).with_context(said)?;
    let name = path.file_name().with_context(said)?.to_string_lossy();
    let beside = folder.join(format!(".{name}.{}", process::id()));
    let done = fs::write(&beside, bytes).and_then(|()| fs::rename(&beside, path));
    if done.is_err() {
        let _gone = fs::remove_file(&beside);
    }
    done.with_context(said)
}
