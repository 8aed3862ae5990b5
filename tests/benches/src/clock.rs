//! The clock of a process, turned together with the world's.

use std::{
    fs::File,
    os::unix::fs::FileExt,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result};
use jiff::SignedDuration;

/// How far a process is ahead of the machine.
#[derive(Debug)]
pub struct AheadFile {
    file: File,
    path: PathBuf,
}

impl AheadFile {
    /// A clock that is not ahead.
    pub fn create(path: &Path) -> Result<Self> {
        let file =
            File::create(path).with_context(|| format!("cannot write {}", path.display()))?;
        let clock = Self {
            file,
            path: path.to_owned(),
        };
        clock.set(SignedDuration::ZERO)?;
        Ok(clock)
    }

    /// Where it is, for the process.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Turns it.
    pub fn set(&self, ahead: SignedDuration) -> Result<()> {
        let nanoseconds = i64::try_from(ahead.as_nanos())?;
        // One aligned write of 8 bytes: a reader sees the old time or the new one.
        Ok(self.file.write_all_at(&nanoseconds.to_ne_bytes(), 0)?)
    }
}
